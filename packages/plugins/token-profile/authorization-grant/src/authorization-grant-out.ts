import type { TokenProfileHost, TokenProfileOut } from '@countersign/plugin-kit'
import type { SigningKey } from '@countersign/protocol'
import {
  ChainingGrantIssuer,
  DEFAULT_MAX_GRANT_LIFETIME_SECONDS,
  type IssuedToken,
  OAuthError,
  TOKEN_TYPES,
  type TokenOrder,
} from '@countersign/protocol/exchange'

/**
 * Gives grants out that another domain's authorization server takes. What is in one is what the rule names, and no more.
 *
 * @see draft-ietf-oauth-identity-chaining, "Token Exchange"
 */
export class AuthorizationGrantOut implements TokenProfileOut {
  readonly tokenTypes = [TOKEN_TYPES.jwt]
  readonly binding = 'optional'
  readonly #issuers = new WeakMap<SigningKey, ChainingGrantIssuer>()

  async issue(order: TokenOrder, host: TokenProfileHost): Promise<IssuedToken> {
    const audience = requireOther(order.audience, host)
    const { key, notAfter } = await host.signer.oauthKey()
    const issuer = this.#issuers.get(key) ?? new ChainingGrantIssuer(key, host.issuer, host.crypto.codec)
    this.#issuers.set(key, issuer)
    const { subject, scopes, issuedAt, confirmation: requestedConfirmation, actor, claims } = order
    const expiresAt = Math.min(order.expiresAt, notAfter, issuedAt + DEFAULT_MAX_GRANT_LIFETIME_SECONDS)
    const id = host.signer.newId()
    const content = { subject, audience, scopes, issuedAt, expiresAt, id, requestedConfirmation, actor, claims }
    return {
      token: await issuer.issue(content),
      tokenType: 'N_A',
      issuedTokenType: TOKEN_TYPES.jwt,
      expiresAt,
      id,
    }
  }
}

/** One server, since one of two could show the grant to the other; and another one, since this needs none of itself. */
function requireOther([only, second]: readonly string[], host: TokenProfileHost): string {
  if (only === undefined || second !== undefined) {
    throw new OAuthError('ERR_OAUTH_INVALID_TARGET', 'a grant is for one authorization server')
  }
  if (only === host.issuer || only === host.tokenEndpoint) {
    throw new OAuthError('ERR_OAUTH_INVALID_TARGET', 'a grant is for another authorization server than this one')
  }
  return only
}
