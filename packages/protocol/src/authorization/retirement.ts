import { AllocationError } from './allocation-error.ts'

/** What is left of a principal that loses its identifier. Each answer is the caller's to find out. */
export interface Retirement {
  /** A credential of the previous principal would still be accepted. */
  readonly isPreviousCredentialValid: boolean
  /** A proof of the previous principal would still be accepted. */
  readonly isPreviousProofValid: boolean
  /** A cached decision about the identifier still counts somewhere. */
  readonly isAuthorizationCacheActive: boolean
  /** Another system still takes the identifier for an account of the previous principal. */
  readonly isExternalMappingActive: boolean
  /** Everyone who uses the identifier knows of the change. */
  readonly areUpdatesPropagated: boolean
  /** Old records still tell which principal was meant. */
  readonly isAuditAttributionPreserved: boolean
}

/** What each answer must be. Others, and none at all, stand in the way. */
const RETIRED: Retirement = {
  isPreviousCredentialValid: false,
  isPreviousProofValid: false,
  isAuthorizationCacheActive: false,
  isExternalMappingActive: false,
  areUpdatesPropagated: true,
  isAuditAttributionPreserved: true,
}

const QUESTIONS = Object.keys(RETIRED) as (keyof Retirement)[]

/** @throws AllocationError `ERR_ALLOCATION_NOT_RETIRED` with the names of all answers that stand in the way */
export function rejectUnretired(retirement: Retirement): void {
  const open = QUESTIONS.filter((question) => retirement[question] !== RETIRED[question])
  if (open.length === 0) return
  throw new AllocationError('ERR_ALLOCATION_NOT_RETIRED', 'the previous principal could pass for the next one', {
    detail: open.join(', '),
  })
}
