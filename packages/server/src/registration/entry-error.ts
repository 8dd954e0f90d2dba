import { WorkloadIdentityError } from '@countersign/protocol'
import { AdminError } from '../authorization/admin-error.ts'

export type EntryErrorCode =
  | 'ERR_ENTRY_EXISTS'
  | 'ERR_ENTRY_NOT_FOUND'
  | 'ERR_ENTRY_IDENTIFIER'
  | 'ERR_ENTRY_RESERVED'
  | 'ERR_ENTRY_PARENT'
  | 'ERR_ENTRY_ALIAS'
  | 'ERR_ENTRY_SELECTORS'
  | 'ERR_ENTRY_DNS_NAME'
  | 'ERR_ENTRY_TTL'
  | 'ERR_ENTRY_HINT'
  | 'ERR_ENTRY_EXPIRED'
  | 'ERR_ENTRY_FEDERATION'
  | 'ERR_ENTRY_CHANGED'

/** A registration entry that cannot be stored, or is not there. */
export class EntryError extends WorkloadIdentityError<EntryErrorCode> {}

/** The same refusal, with the step of a batch in front. Other errors stay what they are. */
export function atStep(error: unknown, step: string): unknown {
  if (error instanceof AdminError) return new AdminError(error.code, `${step}: ${error.message}`, { cause: error })
  if (!(error instanceof EntryError)) return error
  return new EntryError(error.code, `${step}: ${error.message}`, { cause: error })
}
