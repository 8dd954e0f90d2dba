// biome-ignore-all lint/suspicious/noThenProperty: a library's promise is among what is tested
/** What a caller, a backend or a shared store gets wrong must never turn into a yes. */
import { runInNewContext } from 'node:vm'
import { expectCode, FakeIssuer } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustStore } from '../bundle/trust-store.ts'
import { AudiencePolicy } from '../http/audience.ts'
import { spiffeId } from '../identifier/workload-id.ts'
import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import type { CryptoBackend, VerificationKey } from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { buildCaCertificate, issueX509Svid, verifyX509Svid } from '../x509/index.ts'
import { JwtSvidVerifier } from './jwt-svid-verifier.ts'
import type { ReplayMemory } from './replay-memory.ts'
import { WitVerifier } from './wit-verifier.ts'
import { WptVerifier } from './wpt-verifier.ts'

const NOW = 1_800_000_000
const AUDIENCE = 'https://orders.example/'

/** A backend whose keys give `answer` for every signature. */
function answering(answer: () => unknown): CryptoBackend {
  const key = (alg: VerificationKey['alg']) => ({ alg, verify: answer }) as VerificationKey
  return { ...nodeCrypto, importPublicJwk: (_, alg) => key(alg) }
}

const foreignPromise = (value: unknown) => (runInNewContext('Promise') as PromiseConstructor).resolve(value)
const thenable = (value: unknown) => ({
  then: (resolve: (value: unknown) => void) => resolve(value),
})

describe.each<readonly [string, () => unknown]>([
  ['false', () => false],
  ['a promise of another realm for false', () => foreignPromise(false)],
  ["a library's promise for false", () => thenable(false)],
  ['an object', () => ({})],
  ['the number 1', () => 1],
  ['undefined', () => undefined],
])('a key that answers with %s', (_, answer) => {
  const issuer = new FakeIssuer()
  const workload = issuer.workload('/storefront')

  it('verifies no WIT and no JWT-SVID', async () => {
    const crypto = answering(answer)
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    await expectCode(
      async () => new WitVerifier({ trust, crypto }).verify(workload.wit(NOW), NOW),
      'ERR_CREDENTIAL_SIGNATURE',
    )
    await expectCode(
      async () => new JwtSvidVerifier({ trust }).verify(issuer.jwtSvid('/storefront', ['a'], NOW), 'a', NOW),
      'ERR_CREDENTIAL_SIGNATURE',
    )
  })

  it('verifies no proof', async () => {
    const token = workload.wit(NOW)
    const wit = await new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }).verify(token, NOW)
    const confirmationKey = { alg: 'ES256', verify: answer } as VerificationKey
    const verifier = new WptVerifier({
      crypto: nodeCrypto,
      audience: new AudiencePolicy({ accepted: [AUDIENCE] }),
      replayMemory: undefined,
    })
    const proof = workload.proof(token, { audience: AUDIENCE, now: NOW })
    const context = { wit: { ...wit, confirmationKey }, target: '/', now: NOW }
    await expectCode(async () => verifier.verify(proof, context), 'ERR_PROOF_SIGNATURE')
  })
})

describe('a key that answers with a foreign promise for true', () => {
  it('verifies', async () => {
    const issuer = new FakeIssuer()
    const crypto = answering(() => foreignPromise(true))
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    const wit = await new WitVerifier({ trust, crypto }).verify(issuer.workload('/a').wit(NOW), NOW)
    expect(wit.subject.path).toBe('/a')
  })
})

describe('a library whose promises have `then` alone', () => {
  it('serves, and its failures are typed', async () => {
    const issuer = new FakeIssuer()
    const crypto = {
      ...nodeCrypto,
      importPublicJwk: (jwk: PublicJwk, alg: SignatureAlgorithm) => thenable(nodeCrypto.importPublicJwk(jwk, alg)),
    } as unknown as CryptoBackend
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    const token = issuer.workload('/a').wit(NOW)
    expect((await new WitVerifier({ trust, crypto }).verify(token, NOW)).subject.path).toBe('/a')
    const failing = {
      ...nodeCrypto,
      importPublicJwk: () => ({
        then: (_: unknown, fail: (error: unknown) => void) => fail(new KeyError('ERR_KEY_MALFORMED', 'no')),
      }),
    } as unknown as CryptoBackend
    const untrusted = new TrustStore(failing)
    untrusted.set(issuer.origin, issuer.material())
    await expectCode(
      async () => new WitVerifier({ trust: untrusted, crypto: failing }).verify(token, NOW),
      'ERR_CREDENTIAL_KEY_UNKNOWN',
    )
  })
})

describe('a certificate check that answers with something else than true', () => {
  it.each([[{}], [1], ['true'], [undefined]])('%j: the chain is refused', async (answer) => {
    const key = generateSigningKey('ES256')
    const validity = { notBefore: NOW - 60, notAfter: NOW + 3600 }
    const serial = new Uint8Array([1])
    const certificate = await buildCaCertificate({
      key,
      crypto: nodeCrypto,
      subject: { commonName: 'root' },
      trustDomain: 'example.org',
      serial,
      ...validity,
    })
    const leaf = await issueX509Svid({
      issuer: { certificate, key },
      publicKeySpki: nodeCrypto.exportSpki(key.publicJwk),
      subject: spiffeId('example.org', '/a'),
      serial: new Uint8Array([2]),
      ...validity,
    })
    const check = (crypto: CryptoBackend) => async () =>
      verifyX509Svid({ chain: [leaf], roots: () => [certificate], now: NOW, crypto })
    expect((await check(nodeCrypto)()).id.path).toBe('/a')
    await expectCode(check(answering(() => answer)), 'ERR_CERTIFICATE_SIGNATURE')
  })
})

describe('a time that is no number', () => {
  const issuer = new FakeIssuer()
  const workload = issuer.workload('/storefront')
  const token = workload.wit(NOW)
  const noTime = undefined as unknown as number

  it.each([[noTime], [Number.NaN]])('%s expires every credential', async (now) => {
    const verifier = new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto })
    await expectCode(async () => verifier.verify(token, now), 'ERR_CREDENTIAL_EXPIRED')
    await verifier.verify(token, NOW)
    await expectCode(async () => verifier.verify(token, now), 'ERR_CREDENTIAL_EXPIRED')
    const jwt = issuer.jwtSvid('/storefront', ['a'], NOW)
    await expectCode(
      async () => new JwtSvidVerifier({ trust: issuer.trust }).verify(jwt, 'a', now),
      'ERR_CREDENTIAL_EXPIRED',
    )
  })

  it('as clock skew expires every credential', async () => {
    const verifier = new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto, clockSkewSeconds: Number.NaN })
    await expectCode(async () => verifier.verify(token, NOW), 'ERR_CREDENTIAL_EXPIRED')
  })

  it('expires every proof', async () => {
    const wit = await new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }).verify(token, NOW)
    const audience = new AudiencePolicy({ accepted: [AUDIENCE] })
    const verifier = new WptVerifier({ crypto: nodeCrypto, audience, replayMemory: undefined })
    const proof = workload.proof(token, { audience: AUDIENCE, now: NOW })
    await expectCode(async () => verifier.verify(proof, { wit, target: '/', now: Number.NaN }), 'ERR_PROOF_EXPIRED')
  })

  it('as a limit refuses', async () => {
    const limits = { maxLifetimeSeconds: Number.NaN }
    const lifetime = new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto, ...limits })
    await expectCode(async () => lifetime.verify(token, NOW), 'ERR_CREDENTIAL_LIFETIME')
    const age = new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto, maxAgeSeconds: Number.NaN })
    await expectCode(async () => age.verify(token, NOW), 'ERR_CREDENTIAL_TOO_OLD')
  })
})

describe('a replay memory that answers with something else', () => {
  it.each([[false], [undefined], [true], ['FRESH'], [{}]])('%s: the proof counts as used', async (answer) => {
    const issuer = new FakeIssuer()
    const workload = issuer.workload('/storefront')
    const token = workload.wit(NOW)
    const wit = await new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }).verify(token, NOW)
    const replayMemory = { remember: () => answer } as unknown as ReplayMemory
    const verifier = new WptVerifier({
      crypto: nodeCrypto,
      audience: new AudiencePolicy({ accepted: [AUDIENCE] }),
      replayMemory,
    })
    const proof = workload.proof(token, { audience: AUDIENCE, now: NOW })
    await expectCode(async () => verifier.verify(proof, { wit, target: '/', now: NOW }), 'ERR_PROOF_REPLAYED')
  })
})
