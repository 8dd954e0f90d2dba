import type { TokenProfileHost, TokenProfileOut } from '@countersign/plugin-kit'
import { CertificateError, IssuanceError, KeyError } from '@countersign/protocol'
import {
  type IssuedToken,
  OAuthError,
  requireProvenKey,
  requireSvidOrder,
  TOKEN_TYPES,
  type TokenOrder,
} from '@countersign/protocol/exchange'

/** Longest life. A node's certificates are revoked with it; these belong to none, so they end soon. */
const MAX_LIFETIME_SECONDS = 3600

/**
 * Gives X509-SVIDs out, for the key that the request proved by DPoP. That proof is fresh and good once, which the signature of a
 * certificate signing request is not, so none is asked for.
 *
 * @see X509-SVID sections 2 to 4
 */
export class X509SvidOut implements TokenProfileOut {
  readonly tokenTypes = [TOKEN_TYPES.x509Svid]
  readonly binding = 'always'

  /** @returns the chain as PEM, leaf first and without roots */
  async issue(order: TokenOrder, host: TokenProfileHost): Promise<IssuedToken> {
    const id = requireSvidOrder(order, host.trustDomain)
    const publicKey = await requireProvenKey(order, host.crypto)
    const spiffeId = id.toString()
    const { source, confirmation } = order
    // Else a handshake by that key would prove either of two identities.
    if (source.confirmation?.thumbprint === confirmation?.thumbprint && source.localSubject !== spiffeId) {
      throw new OAuthError('ERR_OAUTH_INVALID_DPOP_PROOF', 'the key belongs to another identity: make a new one')
    }
    const expiresAt = Math.min(order.expiresAt, order.issuedAt + MAX_LIFETIME_SECONDS)
    try {
      const issued = await host.signer.issueX509Svid({ spiffeId, publicKey, expiresAt })
      return { ...issued, tokenType: 'N_A', issuedTokenType: TOKEN_TYPES.x509Svid }
    } catch (cause) {
      const isOfKey = cause instanceof KeyError || cause instanceof IssuanceError || cause instanceof CertificateError
      if (!isOfKey) throw cause
      throw new OAuthError('ERR_OAUTH_INVALID_DPOP_PROOF', `key cannot be used: ${cause.message}`, { cause })
    }
  }
}
