import { WorkloadIdentityError } from '../errors/workload-identity-error.ts'

export type IssuanceErrorCode =
  | 'ERR_ISSUANCE_ALGORITHM'
  | 'ERR_ISSUANCE_KEY_ID'
  | 'ERR_ISSUANCE_SUBJECT'
  | 'ERR_ISSUANCE_AUDIENCE'
  | 'ERR_ISSUANCE_LIFETIME'
  | 'ERR_ISSUANCE_CLAIM'

/** A credential that must not be issued as asked. */
export class IssuanceError extends WorkloadIdentityError<IssuanceErrorCode> {}
