/** Which authority signed a credential: when it leaves the bundle, the credential convinces nobody any more. */
import { X509Certificate } from 'node:crypto'
import { decodeUnverifiedJws, type PublicJwk } from '@countersign/protocol'

/** @param roots DER */
export function isChainSignedBy(chain: readonly Uint8Array[], roots: readonly X509Certificate[]): boolean {
  const der = chain.at(-1)
  if (der === undefined) return false
  try {
    const top = new X509Certificate(der)
    return roots.some(
      (root) => root.fingerprint256 === top.fingerprint256 || (top.checkIssued(root) && top.verify(root.publicKey)),
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
