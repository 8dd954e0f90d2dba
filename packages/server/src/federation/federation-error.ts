import { WorkloadIdentityError } from '@countersign/protocol'

export type FederationErrorCode =
  | 'ERR_FEDERATION_EXISTS'
  | 'ERR_FEDERATION_NOT_FOUND'
  | 'ERR_FEDERATION_OWN_TRUST_DOMAIN'
  | 'ERR_FEDERATION_TRUST_DOMAIN'
  | 'ERR_FEDERATION_URL'
  | 'ERR_FEDERATION_WEB_ROOTS'
  | 'ERR_FEDERATION_BUNDLE'
  | 'ERR_FEDERATION_OLDER'
  | 'ERR_FEDERATION_UNREACHABLE'
  | 'ERR_FEDERATION_CERTIFICATE'
  | 'ERR_FEDERATION_TIMEOUT'
  | 'ERR_FEDERATION_REDIRECT'
  | 'ERR_FEDERATION_STATUS'
  | 'ERR_FEDERATION_TOO_LARGE'

/** A federation relationship that cannot be stored, or whose bundle cannot be fetched. */
export class FederationError extends WorkloadIdentityError<FederationErrorCode> {}
