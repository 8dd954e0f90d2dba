import { constants, createPrivateKey } from 'node:crypto'
import { createSecureContext, type DetailedPeerCertificate, type SecureContextOptions } from 'node:tls'
import { encodePem, verifyWic, type WorkloadId, X509Anchors } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'
import type { X509SVIDResponse } from '../gen/workloadapi_pb.ts'
import { splitCertificates } from '../split-certificates.ts'
import { BrokerApiError } from './broker-api-error.ts'

/** More than a verifier accepts; the rest is not even collected. */
const MAX_CHAIN_LENGTH = 9

/** Since Node 22.9: a root need not be self-signed. */
interface TlsOptions extends SecureContextOptions {
  readonly allowPartialTrustChain?: boolean
}

/**
 * Mutual TLS with the broker's own X509-SVID, to an endpoint that has to prove one exact identity.
 *
 * OpenSSL and our verifier both look at the endpoint's certificates, and both only by the roots of that identity's own
 * trust domain. OpenSSL goes by the machine's clock.
 *
 * @param identity what the broker's Workload API gave it; its first SVID is shown
 * @param server whom the endpoint must prove
 * @param now epoch seconds
 * @throws BrokerApiError `ERR_BROKER_API_IDENTITY` when the identity cannot be used, or trusts nobody in `server`'s domain
 * @see SPIFFE Broker Endpoint section 5
 */
export function brokerCredentials(
  identity: X509SVIDResponse,
  server: WorkloadId,
  now: () => number,
): ChannelCredentials {
  try {
    const [svid] = identity.svids
    if (svid === undefined) throw new TypeError('no identity')
    const roots = splitCertificates(rootsOf(server.origin, identity))
    if (roots.length === 0) throw new TypeError(`no roots of ${server.origin}`)
    const options: TlsOptions = {
      minVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
      key: privateKeyPem(svid.x509SvidKey),
      cert: encodePem(splitCertificates(svid.x509Svid)),
      ca: roots.map((root) => encodePem([root])),
      allowPartialTrustChain: true,
    }
    const anchors = new X509Anchors(roots, nodeCrypto)
    return credentials.createFromSecureContext(createSecureContext(options), {
      // Stands in for the comparison of host names, which says nothing about a workload.
      checkServerIdentity: (_host, certificate) =>
        reasonToRefuse(certificate as DetailedPeerCertificate, server, anchors, now()),
      rejectUnauthorized: true,
    })
  } catch (cause) {
    throw new BrokerApiError('ERR_BROKER_API_IDENTITY', 'the own X.509 identity cannot be used for the broker API', {
      detail: cause instanceof TypeError ? cause.message : 'unusable certificate or key',
    })
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

function rootsOf(origin: string, { svids, federatedBundles }: X509SVIDResponse): Uint8Array {
  const own = svids.find(({ spiffeId }) => spiffeId.startsWith(`${origin}/`))
  return own?.bundle ?? federatedBundles[origin] ?? new Uint8Array()
}

/** The only form TLS takes a private key in. Secret. */
function privateKeyPem(pkcs8: Uint8Array): string {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  return key.export({ format: 'pem', type: 'pkcs8' }).toString()
}
