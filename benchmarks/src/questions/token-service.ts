/**
 * What does a token cost: assertions verified, a rule found, a token signed? Beside a bare endpoint that does as many verifies and
 * signs, and beside oidc-provider's client_credentials with private_key_jwt. All over TLS, each in a process of its own.
 */
import { generateKeyPairSync } from 'node:crypto'
import { buildCaCertificate, encodePem, issueTlsCertificate, randomSerial } from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import { type Effort, interleave } from '../interleave.ts'
import { type Row, toRow } from '../row.ts'
import { TokenLoad } from '../token-load.ts'
import { startTokenServer } from '../token-servers.ts'
import { startTokenWorld } from '../token-world.ts'
import { freePort } from '../trust-domain.ts'

/** CPU time of another process is told in steps of 10 ms. */
const MIN_SLICE_MS = 1_000
const MAX_ROUNDS = 7

export async function tokenService(effort: Effort): Promise<readonly Row[]> {
  const [barePort, peerPort] = [await freePort(), await freePort()]
  const world = await startTokenWorld()
  const signingKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  const settings = { ...(await makeWebCertificate()), clientKey: world.clientKey, signingKey }
  const bare = await startTokenServer('bare-token-server', { ...settings, port: barePort })
  const peer = await startTokenServer('oidc-provider-server', { ...settings, port: peerPort })
  const ours = (form: () => string) => new TokenLoad(`${world.issuer}/token`, world.domain.serverPid, form)
  const limit = (form: () => string) => new TokenLoad(`https://localhost:${barePort}/token`, bare.pid ?? 0, form)
  const loads = {
    platform: ours(() => world.platformForm),
    platformLimit: limit(() => world.platformForm),
    once: ours(() => world.clientForm()),
    peer: new TokenLoad(`https://localhost:${peerPort}/token`, peer.pid ?? 0, () =>
      world.clientForm(`https://localhost:${peerPort}`),
    ),
    exchange: ours(() => world.exchangeForm),
    exchangeLimit: limit(() => world.exchangeForm),
  }
  try {
    const rounds = { rounds: Math.min(effort.rounds, MAX_ROUNDS), sliceMs: Math.max(effort.sliceMs, MIN_SLICE_MS) }
    for (const load of Object.values(loads)) await load.measure(rounds.sliceMs)
    for (const load of Object.values(loads)) load.latencies.length = load.byWall.length = 0
    const measured = await interleave(loads, rounds)
    const wall = [median(loads.once.byWall), median(loads.peer.byWall)] as const
    const slowest = [p99(loads.once.latencies), p99(loads.peer.latencies)] as const
    const { platform, platformLimit, once, exchange, exchangeLimit } = measured
    const names = { peer: 'oidc-provider', limit: 'bare Fastify, verify + sign' }
    const alone = { ...names, peer: '-' }
    return [
      toRow("token for a platform's assertion", { ours: platform, limit: platformLimit }, alone, { toLimit: 0.9 }),
      toRow(
        'token exchange',
        { ours: exchange, limit: exchangeLimit },
        { ...alone, limit: 'bare Fastify, 2 verify + sign' },
        { toLimit: 0.9 },
      ),
      toRow('token for private_key_jwt', { ours: once, limit: platformLimit, peer: measured.peer }, names, {
        toPeer: 2.3,
      }),
      comparison('the same by the wall', 'per s', ...wall, 3),
      comparison('the same, p99', 'ms', ...slowest, 0.5),
    ]
  } finally {
    for (const child of [bare, peer]) child.kill('SIGKILL')
    world.stop()
  }
}

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
