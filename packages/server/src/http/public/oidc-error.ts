import { WorkloadIdentityError } from '@countersign/protocol'

export type OidcErrorCode = 'ERR_OIDC_NO_ISSUER' | 'ERR_OIDC_OTHER_PATH'

/** OpenID Connect metadata was asked for where there is none. */
export class OidcError extends WorkloadIdentityError<OidcErrorCode> {}
