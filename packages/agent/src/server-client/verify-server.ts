import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import { errorCode, verifyX509Svid } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { ServerCallError } from './server-call-error.ts'

export interface ServerTrust {
  readonly trustDomain: string
  /** DER roots of the own trust domain, as known now. */
  readonly roots: () => readonly Uint8Array[]
  readonly now: () => number
}

const MAX_CHAIN_LENGTH = 8

/**
 * Checks that the other end of a TLS connection is this trust domain's server and nobody else: not another workload of
 * the domain, whose certificate the same root signed, and not whoever the Web PKI or DNS would name.
 *
 * @throws ServerCallError `ERR_AGENT_SERVER_IDENTITY`
 */
export async function verifyServer(socket: TLSSocket, trust: ServerTrust): Promise<void> {
  const expected = `spiffe://${trust.trustDomain}/countersign/server`
  let found: string
  try {
    const { id } = await verifyX509Svid({
      chain: readPeerChain(socket),
      roots: (origin) => (origin === `spiffe://${trust.trustDomain}` ? trust.roots() : undefined),
      now: trust.now(),
      crypto: nodeCrypto,
      usage: 'serverAuth',
      // The server's clock may be ahead of ours.
      skewSeconds: 60,
    })
    found = id.toString()
  } catch (cause) {
    throw new ServerCallError('ERR_AGENT_SERVER_IDENTITY', 'certificate of the server cannot be verified', {
      detail: errorCode(cause) ?? 'unexpected error',
      cause,
    })
  }
  if (found !== expected) {
    throw new ServerCallError('ERR_AGENT_SERVER_IDENTITY', 'the certificate is not that of the server', {
      detail: `expected ${expected}, got ${found}`,
    })
  }
}

/** The certificates the peer sent, leaf first. A self-signed one names itself as its issuer. */
export function readPeerChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  while (certificate?.raw !== undefined && chain.length <= MAX_CHAIN_LENGTH) {
    chain.push(certificate.raw)
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate
    certificate = issuer === certificate ? undefined : issuer
  }
  return chain
}
