import type { TokenProfileHost, TokenProfileOut } from '@countersign/plugin-kit'
import {
  type IssuedToken,
  OAuthError,
  requireSvidOrder,
  TOKEN_TYPES,
  type TokenOrder,
} from '@countersign/protocol/exchange'

/** Gives JWT-SVIDs out, signed by the trust domain's own authority. @see JWT-SVID section 3 */
export class JwtSvidOut implements TokenProfileOut {
  readonly tokenTypes = [TOKEN_TYPES.jwtSvid]
  readonly binding = 'never'

  async issue(order: TokenOrder, host: TokenProfileHost): Promise<IssuedToken> {
    const id = requireSvidOrder(order, host.trustDomain)
    // A bearer token in place of one that was to be bound would be good for whoever comes by it.
    if (order.confirmation !== undefined) {
      throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'a JWT-SVID cannot be bound to a key')
    }
    const { audience, expiresAt } = order
    const issued = await host.signer.issueJwtSvid({ spiffeId: id.toString(), audience, expiresAt })
    return { ...issued, tokenType: 'N_A', issuedTokenType: TOKEN_TYPES.jwtSvid }
  }
}
