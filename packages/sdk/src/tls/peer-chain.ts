import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'

/** More than a verifier accepts; the rest is not even collected. */
const MAX_CHAIN_LENGTH = 9

/**
 * The certificates the other end of a connection showed, DER, leaf first; empty when it showed none.
 *
 * Not by `getPeerX509Certificate`: on a client's socket each call takes the leaf away, so that whoever asks next is told
 * of another certificate or of none.
 */
export function readPeerChain(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  while (certificate?.raw !== undefined && chain.length < MAX_CHAIN_LENGTH) {
    chain.push(certificate.raw)
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate
    // A self-signed one names itself.
    certificate = issuer === certificate ? undefined : issuer
  }
  return chain
}
