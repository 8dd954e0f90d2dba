import { WorkloadIdentityError } from '@countersign/protocol'

export type AuthorityErrorCode = 'ERR_AUTHORITY_NONE_ACTIVE'

/** The server has no key to sign with at present. */
export class AuthorityError extends WorkloadIdentityError<AuthorityErrorCode> {}
