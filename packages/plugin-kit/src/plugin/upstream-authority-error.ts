import { WorkloadIdentityError } from '@countersign/protocol'

export type UpstreamAuthorityErrorCode =
  | 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE'
  | 'ERR_UPSTREAM_AUTHORITY_REFUSED'
  | 'ERR_UPSTREAM_AUTHORITY_ANSWER'
  | 'ERR_UPSTREAM_AUTHORITY_IDENTITY'
  | 'ERR_UPSTREAM_AUTHORITY_FILE'
  | 'ERR_UPSTREAM_AUTHORITY_CERTIFICATE'
  | 'ERR_UPSTREAM_AUTHORITY_KEY'
  | 'ERR_UPSTREAM_AUTHORITY_PERMISSIONS'

/** An upstream did not sign, did not tell, or cannot be used as it is configured. */
export class UpstreamAuthorityError extends WorkloadIdentityError<UpstreamAuthorityErrorCode> {}
