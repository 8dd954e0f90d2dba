import { createPrivateKey, createPublicKey } from 'node:crypto'
import {
  AudiencePolicy,
  buildCaCertificate,
  InProcessReplayMemory,
  type ReplayMemory,
  RequestVerifier,
  type SignatureAlgorithm,
  TrustStore,
  WitIssuer,
  WitVerifier,
  WorkloadId,
  WptBuilder,
  WptVerifier,
  X509Issuer,
} from '@countersign/protocol'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'

export const ALGORITHMS = ['ES256', 'EdDSA'] as const
export const NOW = Math.floor(Date.now() / 1000)
export const SUBJECT = WorkloadId.parse('spiffe://example.org/ns/payments/sa/checkout')
export const AUDIENCE = 'https://ledger.example.org/v1/entries'
const LIFETIME = 36_000

/** A trust domain with one issuer key. */
export function makeIssuer(alg: SignatureAlgorithm) {
  const key = generateSigningKey(alg, { kid: 'k1' })
  const trust = new TrustStore(nodeCrypto)
  trust.set(SUBJECT.origin, { witKeys: [key.publicJwk] })
  const issuer = new WitIssuer(key, 'wimse', nodeCrypto.codec)
  const issue = (workload: NodeSigningKey) =>
    issuer.issue({
      subject: SUBJECT,
      confirmationKey: workload.publicJwk,
      now: NOW,
      ttlSeconds: LIFETIME,
      issuer: 'https://trust.example.org',
      id: '6a3d2a57-6f0e-4a5e-9c3c-0d5f2f4f8a11',
    }) as string
  return { key, trust, issuer, issue }
}

/** node:crypto's own objects for a key: what the limit is measured with. */
export function rawKeys(key: NodeSigningKey) {
  const privateKey = createPrivateKey({ key: Buffer.from(key.exportPkcs8()), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(privateKey)
  const digest = key.alg === 'EdDSA' ? null : 'sha256'
  return { privateKey, publicKey, digest }
}

/** A certificate authority with an ES256 key. */
export function makeX509Issuer() {
  const key = generateSigningKey('ES256')
  const certificate = buildCaCertificate({
    key,
    crypto: nodeCrypto,
    subject: { commonName: 'ca' },
    trustDomain: SUBJECT.trustDomain,
    notBefore: NOW - 60,
    notAfter: NOW + LIFETIME,
    serial: Uint8Array.of(1),
  }) as Uint8Array
  return { key, issuer: new X509Issuer({ certificate, key }) }
}

/** A request as it arrives. */
export interface SignedRequest {
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly wit: string
  readonly wpt: string
}

/** Requests with one fresh proof each, over the given workloads in turn. */
export function makeRequests(
  count: number,
  workloads: readonly { wit: string; key: NodeSigningKey }[],
): SignedRequest[] {
  const builders = workloads.map(({ wit, key }) => new WptBuilder(wit, key, nodeCrypto))
  return Array.from({ length: count }, (_, index) => {
    const { wit } = workloads[index % workloads.length] as { wit: string }
    const builder = builders[index % workloads.length] as WptBuilder
    const wpt = builder.build({ audience: AUDIENCE, now: NOW }) as string
    const rawHeaders = [
      'Host',
      'ledger.example.org',
      'User-Agent',
      'bench',
      'Accept',
      '*/*',
      'Content-Type',
      'application/json',
      'Workload-Identity-Token',
      wit,
      'Workload-Proof-Token',
      wpt,
    ]
    return { target: '/v1/entries?page=2', rawHeaders, wit, wpt }
  })
}

/** Every check a product must make, replay included; the memory starts afresh each time the requests start over. */
export function makeChecker(trust: TrustStore, requests: readonly SignedRequest[], options: { witCache: boolean }) {
  let memory = new InProcessReplayMemory()
  const replayMemory: ReplayMemory = { remember: (key, expiresAt, now) => memory.remember(key, expiresAt, now) }
  const verifier = new RequestVerifier({
    wit: new WitVerifier({ trust, crypto: nodeCrypto, ...(options.witCache ? {} : { cacheCapacity: 0 }) }),
    wpt: new WptVerifier({
      crypto: nodeCrypto,
      audience: new AudiencePolicy({ baseUrls: ['https://ledger.example.org'] }),
      replayMemory,
    }),
  })
  let next = 0
  return () => {
    if (next === requests.length) {
      next = 0
      memory = new InProcessReplayMemory()
    }
    return verifier.verify(requests[next++] as SignedRequest, NOW)
  }
}
