import type { TokenProfileHost, TokenProfileOut } from '@countersign/plugin-kit'
import type { SigningKey } from '@countersign/protocol'
import { AccessTokenIssuer, type IssuedToken, TOKEN_TYPES, type TokenOrder } from '@countersign/protocol/exchange'

/** Gives JWT access tokens out. @see RFC 9068 section 2 */
export class AccessTokenOut implements TokenProfileOut {
  readonly tokenTypes = [TOKEN_TYPES.accessToken]
  readonly binding = 'optional'
  readonly #issuers = new WeakMap<SigningKey, AccessTokenIssuer>()

  async issue(order: TokenOrder, host: TokenProfileHost): Promise<IssuedToken> {
    const { key, notAfter } = await host.signer.oauthKey()
    const issuer = this.#issuers.get(key) ?? new AccessTokenIssuer(key, host.issuer, host.crypto.codec)
    this.#issuers.set(key, issuer)
    const { subject, audience, clientId, scopes, issuedAt, confirmation, actor, claims } = order
    const expiresAt = Math.min(order.expiresAt, notAfter)
    const id = host.signer.newId()
    const content = { subject, audience, clientId, scopes, issuedAt, expiresAt, id, confirmation, actor, claims }
    return {
      token: await issuer.issue(content),
      tokenType: confirmation?.kind === 'jkt' ? 'DPoP' : 'Bearer',
      issuedTokenType: TOKEN_TYPES.accessToken,
      expiresAt,
      id,
    }
  }
}
