import type { RequestProofs } from '../request-proofs.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'

/** One way for a client to prove who it is. One file for each. */
export interface ClientAuthenticationMethod {
  /** As in `token_endpoint_auth_methods_supported`. */
  readonly name: string
  /** Whether it reads `client_assertion`. Beside any other method an assertion is a second one, even of no type known here. */
  readonly readsAssertion?: true
  /** Whether a request uses it, by its shape alone. A request that uses two is refused before either is looked at. */
  isUsed(request: TokenRequest): boolean
  /**
   * @throws OAuthError `ERR_OAUTH_INVALID_CLIENT`, whose cause says what was wrong; `ERR_OAUTH_INVALID_REQUEST` for a
   *   parameter that is missing
   */
  authenticate(request: TokenRequest, proofs: RequestProofs): Promise<AuthenticatedClient>
}
