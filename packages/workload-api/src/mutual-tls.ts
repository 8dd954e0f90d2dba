import { constants, createPrivateKey } from 'node:crypto'
import type { DetailedPeerCertificate, PeerCertificate, SecureContextOptions } from 'node:tls'
import { encodePem, verifyWic, type WorkloadId, X509Anchors } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { X509SVIDResponse } from './gen/workloadapi_pb.ts'
import { splitCertificates } from './split-certificates.ts'

/** More than a verifier accepts; the rest is not even collected. */
const MAX_CHAIN_LENGTH = 9

/** What a Workload API gave a program: its identities, the first of which it shows, and whom it may believe. */
export type X509Identity = Pick<X509SVIDResponse, 'federatedBundles'> & {
  readonly svids: readonly Pick<X509SVIDResponse['svids'][number], 'spiffeId' | 'x509Svid' | 'x509SvidKey' | 'bundle'>[]
}

/** Settings of a TLS client, as node:tls and node:https take them. The key in them is secret. */
export interface MutualTlsSettings {
  /** `allowPartialTrustChain` since Node 22.9: a root need not be self-signed. */
  readonly context: SecureContextOptions & { readonly allowPartialTrustChain: boolean }
  /** Stands in for the comparison of host names, which says nothing about a workload. */
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined
}

/**
 * Mutual TLS with the own X509-SVID, to a server that has to prove one exact identity.
 *
 * OpenSSL and our verifier both look at the server's certificates, and both only by the roots of that identity's own trust
 * domain. OpenSSL goes by the machine's clock.
 *
 * @param identity what the Workload API gave; its first SVID is shown
 * @param server whom the other end must prove to be
 * @param now epoch seconds
 * @throws TypeError when the identity cannot be used, or believes nobody in `server`'s trust domain
 */
export function mutualTlsSettings(identity: X509Identity, server: WorkloadId, now: () => number): MutualTlsSettings {
  const [svid] = identity.svids
  if (svid === undefined) throw new TypeError('no identity')
  const roots = splitCertificates(rootsOf(server.origin, identity))
  if (roots.length === 0) throw new TypeError(`no roots of ${server.origin}`)
  const anchors = new X509Anchors(roots, nodeCrypto)
  return {
    context: {
      minVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
      key: privateKeyPem(svid.x509SvidKey),
      cert: encodePem(splitCertificates(svid.x509Svid)),
      ca: roots.map((root) => encodePem([root])),
      allowPartialTrustChain: true,
    },
    checkServerIdentity: (_host, certificate) =>
      reasonToRefuse(certificate as DetailedPeerCertificate, server, anchors, now()),
  }
}

function reasonToRefuse(
  certificate: DetailedPeerCertificate,
  server: WorkloadId,
  anchors: X509Anchors,
  now: number,
): Error | undefined {
  try {
    const verified = verifyWic({
      chain: chainOf(certificate),
      roots: (origin) => (origin === server.origin ? anchors : undefined),
      now,
      crypto: nodeCrypto,
      role: 'server',
      expectedPeer: { id: server },
    })
    // A promise would pass for a yes.
    return 'then' in verified ? new TypeError('certificates are verified by a synchronous backend') : undefined
  } catch (error) {
    return error as Error
  }
}

function chainOf(leaf: DetailedPeerCertificate): readonly Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate: DetailedPeerCertificate | undefined = leaf
  while (certificate?.raw !== undefined && chain.length < MAX_CHAIN_LENGTH) {
    chain.push(certificate.raw)
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate
    // A self-signed one names itself.
    certificate = issuer === certificate ? undefined : issuer
  }
  return chain
}

function rootsOf(origin: string, { svids, federatedBundles }: X509Identity): Uint8Array {
  const own = svids.find(({ spiffeId }) => spiffeId.startsWith(`${origin}/`))
  return own?.bundle ?? federatedBundles[origin] ?? new Uint8Array()
}

/** The only form TLS takes a private key in. Secret. */
function privateKeyPem(pkcs8: Uint8Array): string {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  return key.export({ format: 'pem', type: 'pkcs8' }).toString()
}
