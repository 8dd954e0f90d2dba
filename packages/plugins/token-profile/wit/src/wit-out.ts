import type { TokenProfileHost, TokenProfileOut } from '@countersign/plugin-kit'
import { IssuanceError, jwkThumbprint, KeyError } from '@countersign/protocol'
import {
  type IssuedToken,
  OAuthError,
  requireSvidOrder,
  TOKEN_TYPES,
  type TokenOrder,
} from '@countersign/protocol/exchange'

/** Gives WITs out, signed by the trust domain's own authority and bound to the key that the request proved. */
export class WitOut implements TokenProfileOut {
  readonly tokenTypes = [TOKEN_TYPES.wit]
  readonly binding = 'always'

  async issue(order: TokenOrder, host: TokenProfileHost): Promise<IssuedToken> {
    const id = requireSvidOrder(order, host.trustDomain)
    const { confirmationKey: publicKey, confirmation, expiresAt } = order
    // The key in the token and the key that was proved must be one, or the token would be for somebody else's key.
    if (publicKey === undefined || confirmation?.thumbprint !== (await jwkThumbprint(publicKey, host.crypto))) {
      throw new OAuthError('ERR_OAUTH_INVALID_DPOP_PROOF', 'the key of a workload identity token must be proved')
    }
    try {
      const issued = await host.signer.issueWit({ spiffeId: id.toString(), publicKey, expiresAt })
      return { ...issued, tokenType: 'N_A', issuedTokenType: TOKEN_TYPES.wit }
    } catch (cause) {
      if (!(cause instanceof KeyError || cause instanceof IssuanceError)) throw cause
      throw new OAuthError('ERR_OAUTH_INVALID_DPOP_PROOF', `key cannot be used: ${cause.message}`, { cause })
    }
  }
}
