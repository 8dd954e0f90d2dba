import { WorkloadIdentityError } from '../errors/workload-identity-error.ts'

/** One code for each value of `error` that the token service answers with. */
export type OAuthErrorCode =
  | 'ERR_OAUTH_INVALID_REQUEST'
  | 'ERR_OAUTH_INVALID_CLIENT'
  | 'ERR_OAUTH_INVALID_GRANT'
  | 'ERR_OAUTH_UNAUTHORIZED_CLIENT'
  | 'ERR_OAUTH_UNSUPPORTED_GRANT_TYPE'
  | 'ERR_OAUTH_INVALID_SCOPE'
  | 'ERR_OAUTH_INVALID_TARGET'
  | 'ERR_OAUTH_INVALID_DPOP_PROOF'
  | 'ERR_OAUTH_USE_DPOP_NONCE'
  | 'ERR_OAUTH_INVALID_CLIENT_ATTESTATION'
  | 'ERR_OAUTH_USE_ATTESTATION_CHALLENGE'
  | 'ERR_OAUTH_USE_FRESH_ATTESTATION'
  | 'ERR_OAUTH_UNSUPPORTED_TOKEN_TYPE'
  | 'ERR_OAUTH_TEMPORARILY_UNAVAILABLE'
  | 'ERR_OAUTH_SERVER_ERROR'

/**
 * A refusal as an OAuth client reads it. What was found wrong in detail is the `cause`; its code goes to the audit.
 *
 * @see RFC 6749 section 5.2; RFC 8693 section 2.2.2 and RFC 8707 section 2 (invalid_target); RFC 9449 sections 5 and 8;
 *   RFC 7009 section 2.2.1 (unsupported_token_type); draft-ietf-oauth-attestation-based-client-auth
 */
export class OAuthError extends WorkloadIdentityError<OAuthErrorCode> {
  /** The value of `error`. */
  get error(): string {
    return this.code.slice('ERR_OAUTH_'.length).toLowerCase()
  }

  /** 401 only for a client that did not authenticate: RFC 6749 section 5.2. */
  get status(): 400 | 401 | 500 | 503 {
    switch (this.code) {
      case 'ERR_OAUTH_INVALID_CLIENT':
        return 401
      case 'ERR_OAUTH_TEMPORARILY_UNAVAILABLE':
        return 503
      case 'ERR_OAUTH_SERVER_ERROR':
        return 500
      default:
        return 400
    }
  }

  /** What goes into `error_description`. */
  get description(): string {
    return errorDescription(this.message)
  }
}

/** A message in the characters that `error_description` may have. RFC 6749 section 5.2, RFC 6750 section 3 */
export function errorDescription(message: string): string {
  return message.replaceAll('"', "'").replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')
}
