import { WorkloadIdentityError } from '@countersign/protocol'

// biome-ignore format: one code on each line, as the error reference's check reads them
export type AuthorityErrorCode =
  | 'ERR_AUTHORITY_NONE_ACTIVE'

/** The server has no key to sign with at present. */
export class AuthorityError extends WorkloadIdentityError<AuthorityErrorCode> {}
