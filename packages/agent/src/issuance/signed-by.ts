/** Which authority signed a credential: when it leaves the bundle, the credential convinces nobody any more. */
import { X509Certificate } from 'node:crypto'
import { decodeUnverifiedJws, type PublicJwk } from '@countersign/protocol'

/**
 * Whether one of the authorities is above the leaf: as a root, or as a CA below one, wherever in the chain it stands.
 *
 * @param chain DER, leaf first
 */
export function isChainSignedBy(chain: readonly Uint8Array[], authorities: readonly X509Certificate[]): boolean {
  try {
    const certificates = chain.map((der) => new X509Certificate(der))
    return certificates.some((certificate) =>
      authorities.some(
        (authority) =>
          authority.fingerprint256 === certificate.fingerprint256 ||
          (certificate.checkIssued(authority) && certificate.verify(authority.publicKey)),
      ),
    )
  } catch {
    return false
  }
}

export function isTokenSignedBy(token: string, authorities: readonly PublicJwk[]): boolean {
  try {
    const { kid } = decodeUnverifiedJws(token).header
    return kid !== undefined && authorities.some((authority) => authority.kid === kid)
  } catch {
    return false
  }
}
