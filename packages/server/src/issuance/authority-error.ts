import { WorkloadIdentityError } from '@countersign/protocol'

export type AuthorityErrorCode =
  | 'ERR_AUTHORITY_NONE_ACTIVE'
  | 'ERR_AUTHORITY_NOT_FOUND'
  | 'ERR_AUTHORITY_STATE'
  | 'ERR_AUTHORITY_NOT_DISTRIBUTED'
  | 'ERR_AUTHORITY_NOT_TAINTED'
  | 'ERR_AUTHORITY_STILL_USED'
  | 'ERR_AUTHORITY_KEY_MISSING'
  | 'ERR_AUTHORITY_KIND_UNUSED'
  | 'ERR_AUTHORITY_OTHER_KEY'
  | 'ERR_AUTHORITY_NO_ROOT'

/** The server has no key to sign with at present, or a step of a key's life is out of order. */
export class AuthorityError extends WorkloadIdentityError<AuthorityErrorCode> {}
