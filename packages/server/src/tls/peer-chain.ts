import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

/** One more than a verifier accepts, for it to refuse; the rest is not even copied. */
const MAX_CHAIN_LENGTH = 9

/** The certificates that the peer sent, DER, leaf first; empty when it sent none. */
export function readPeerChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate: X509Certificate | undefined = socket.getPeerX509Certificate()
  // A self-signed one has no issuer of its own.
  while (certificate !== undefined && chain.length < MAX_CHAIN_LENGTH) {
    chain.push(certificate.raw)
    certificate = certificate.issuerCertificate
  }
  return chain
}
