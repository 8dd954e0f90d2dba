/**
 * What does a token cost: an assertion verified, a rule found, a token signed? Beside a bare endpoint that does one verify and one
 * sign, and beside oidc-provider's client_credentials with private_key_jwt. All over TLS, each in a process of its own.
 */
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildCaCertificate, encodePem, issueTlsCertificate, randomSerial } from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import { type Effort, interleave } from '../interleave.ts'
import { type Row, toBoundRow, toRow } from '../row.ts'
import { TokenLoad } from '../token-load.ts'
import { startTokenServer } from '../token-servers.ts'
import { freePort, residentKib, TrustDomain } from '../trust-domain.ts'

/** CPU time of another process is told in steps of 10 ms. */
const MIN_SLICE_MS = 1_000
const MAX_ROUNDS = 7
const MAX_GROWTH_MIB = 16
const CLUSTER = 'https://kubernetes.default.svc.cluster.local'
const WORKLOAD = 'system:serviceaccount:test:default'

export async function tokenService(effort: Effort): Promise<readonly Row[]> {
  const [publicPort, barePort, peerPort] = [await freePort(), await freePort(), await freePort()]
  const [clientKey, ownKey] = [makeKey(), makeKey()]
  const issuer = `https://localhost:${publicPort}/oauth2`
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-rules-'))
  const rulesFile = join(folder, 'rules.yaml')
  writeFileSync(rulesFile, JSON.stringify(RULES))
  const domain = await TrustDomain.start({
    public: { host: '127.0.0.1', port: publicPort },
    tokenService: { issuer, rulesFile, ...parties(clientKey.publicJwk) },
  })
  const settings = { ...(await makeWebCertificate()), clientKey: clientKey.publicJwk, signingKey: ownKey.privateJwk }
  const bare = await startTokenServer('bare-token-server', { ...settings, port: barePort })
  const peer = await startTokenServer('oidc-provider-server', { ...settings, port: peerPort })
  const assertions = new Assertions(clientKey.privateKey)
  const platform = assertions.make({ iss: CLUSTER, sub: WORKLOAD, aud: [issuer] }, 'cluster')
  const ownPid = domain.serverPid
  const loads = {
    platform: new TokenLoad(`${issuer}/token`, ownPid, () => formOf(platform)),
    limit: new TokenLoad(`https://localhost:${barePort}/token`, bare.pid ?? 0, () => formOf(platform)),
    once: new TokenLoad(`${issuer}/token`, ownPid, () => formOf(assertions.ofClient(issuer))),
    peer: new TokenLoad(`https://localhost:${peerPort}/token`, peer.pid ?? 0, () =>
      formOf(assertions.ofClient(`https://localhost:${peerPort}`)),
    ),
  }
  try {
    const rounds = { rounds: Math.min(effort.rounds, MAX_ROUNDS), sliceMs: Math.max(effort.sliceMs, MIN_SLICE_MS) }
    for (const load of Object.values(loads)) await load.measure(rounds.sliceMs)
    for (const load of Object.values(loads)) load.latencies.length = load.byWall.length = 0
    const measured = await interleave(
      { platform: loads.platform, limit: loads.limit, once: loads.once, peer: loads.peer },
      rounds,
    )
    const wall = [median(loads.once.byWall), median(loads.peer.byWall)] as const
    const slowest = [p99(loads.once.latencies), p99(loads.peer.latencies)] as const
    // Only now: until then the server's heap was still taking its size.
    const before = residentMib(ownPid)
    const given = loads.platform.tokens + loads.once.tokens
    for (let round = 0; round < rounds.rounds; round++) {
      for (const load of [loads.platform, loads.once]) await load.measure(rounds.sliceMs)
    }
    const growth = Math.max(residentMib(ownPid) - before, 0.1)
    const more = loads.platform.tokens + loads.once.tokens - given
    const { platform: ours, limit, once } = measured
    const names = { peer: 'oidc-provider', limit: 'bare Fastify, verify + sign' }
    return [
      toRow("token for a platform's assertion", { ours, limit }, { ...names, peer: '-' }, { toLimit: 0.9 }),
      toRow('token for private_key_jwt', { ours: once, limit, peer: measured.peer }, names, { toPeer: 2.3 }),
      comparison('the same by the wall', 'per s', ...wall, 3),
      comparison('the same, p99', 'ms', ...slowest, 0.5),
      toBoundRow(`server grows over ${more} more tokens`, growth, 'MiB', MAX_GROWTH_MIB),
    ]
  } finally {
    for (const load of Object.values(loads)) load.close()
    for (const child of [bare, peer]) child.kill('SIGKILL')
    domain.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const TARGET = { profile: 'access-token', audience: ['https://orders.example'], scopes: ['orders.read'] }
const RULES = {
  rules: [
    ...[
      { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] },
      { profile: 'registered-client', issuer: 'clients', subject: ['bench'] },
    ].map((subject) => ({ name: subject.profile, grant: 'client_credentials', subject, to: TARGET })),
  ],
}

const parties = (jwk: object) => ({
  issuers: [
    {
      ...{ name: 'cluster', issuer: CLUSTER, profiles: ['service-account'], subjectPrefix: 'k8s:', reuse: true },
      jwks: { keys: [{ ...jwk, kid: 'cluster', alg: 'ES256' }] },
    },
  ],
  clients: [{ id: 'bench', jwks: { keys: [{ ...jwk, kid: 'bench', alg: 'ES256' }] } }],
})

function makeKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    privateKey,
    publicJwk: publicKey.export({ format: 'jwk' }),
    privateJwk: privateKey.export({ format: 'jwk' }),
  }
}

class Assertions {
  readonly #key: ReturnType<typeof makeKey>['privateKey']

  constructor(key: ReturnType<typeof makeKey>['privateKey']) {
    this.#key = key
  }

  ofClient(aud: string): string {
    return this.make({ iss: 'bench', sub: 'bench', aud, jti: randomUUID() }, 'bench', 120)
  }

  make(claims: object, kid: string, lifetime = 3600): string {
    const now = Math.floor(Date.now() / 1000)
    const parts = [
      { alg: 'ES256', kid },
      { ...claims, iat: now, exp: now + lifetime },
    ]
    const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const signature = sign('sha256', Buffer.from(input), { key: this.#key, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }
}

const formOf = (assertion: string) =>
  `grant_type=client_credentials&scope=orders.read&client_assertion_type=${encodeURIComponent(
    'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  )}&client_assertion=${assertion}`

/** @param target for times, the share of the peer's; for rates, how many times the peer's */
function comparison(name: string, unit: string, ours: number, peer: number, target: number): Row {
  const [ratio, bound] = unit === 'ms' ? [peer / ours, 1 / target] : [ours / peer, target]
  return {
    ...{ name, unit, ours: Math.round(ours * 10) / 10, peer: Math.round(peer * 10) / 10, peerName: 'oidc-provider' },
    ...{ limit: 0, limitName: '-', ratioToPeer: ratio, ratioToLimit: 1, target: { toPeer: bound }, ok: ratio >= bound },
  }
}

const median = (values: readonly number[]) => quantile(values, 0.5)
const p99 = (values: readonly number[]) => quantile(values, 0.99)

function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? 0
}

const residentMib = (pid: number) => residentKib(pid) / 1024

async function makeWebCertificate() {
  const now = Math.floor(Date.now() / 1000)
  const validity = { notBefore: now - 3600, notAfter: now + 86_400 }
  const [rootKey, key] = [generateSigningKey('ES256'), generateSigningKey('ES256')]
  const subject = { commonName: 'Benchmark' }
  const root = await buildCaCertificate({
    ...{ key: rootKey, crypto, subject, trustDomain: 'bench.example', serial: randomSerial(crypto), ...validity },
  })
  const certificate = await issueTlsCertificate({
    issuer: { certificate: root, key: rootKey },
    publicKeySpki: await crypto.exportSpki(key.publicJwk),
    ...{ dnsNames: ['localhost'], serial: randomSerial(crypto), ...validity },
  })
  const pkcs8 = Buffer.from(key.exportPkcs8()).toString('base64')
  return { cert: encodePem([certificate]), key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` }
}
