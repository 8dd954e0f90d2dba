import {
  AudiencePolicy,
  InProcessReplayMemory,
  JwtSvidVerifier,
  TrustStore,
  WitVerifier,
  WptVerifier,
} from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { describe, expect, it } from 'vitest'
import { countingCrypto } from './counting-crypto.ts'
import { expectCode } from './expect-code.ts'
import { FakeIssuer } from './fake-issuer.ts'
import { decodeToken, encodeToken, mutateToken } from './mutate.ts'
import { promisedCrypto, promisedSigningKey } from './promised-crypto.ts'

const NOW = 1_800_000_000
const AUDIENCE = 'https://api.example.org/orders'

describe('FakeIssuer', () => {
  it('makes workloads whose tokens and proofs its trust store believes', async () => {
    const issuer = new FakeIssuer()
    const workload = issuer.workload('/billing', { alg: 'EdDSA' })
    const token = workload.wit(NOW, 60)
    const wit = await new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }).verify(token, NOW)
    expect(wit.subject.equals(workload.id)).toBe(true)
    expect(wit.expiresAt).toBe(NOW + 60)
    const proofs = new WptVerifier({
      crypto: nodeCrypto,
      audience: new AudiencePolicy({ accepted: [AUDIENCE] }),
      replayMemory: new InProcessReplayMemory(),
    })
    const proof = workload.proof(token, { audience: AUDIENCE, now: NOW })
    expect(await proofs.verify(proof, { wit, target: '/orders', now: NOW })).toMatchObject({ audience: AUDIENCE })
  })

  it('makes JWT-SVIDs with a key that is not the WIT key', async () => {
    const issuer = new FakeIssuer({ alg: 'EdDSA', profile: 'wimse' })
    const token = issuer.jwtSvid('/billing', ['db'], NOW)
    const verified = await new JwtSvidVerifier({ trust: issuer.trust }).verify(token, 'db', NOW)
    expect(verified.subject.toString()).toBe('spiffe://example.org/billing')
    expect(issuer.jwtKey.alg).toBe('ES256')
  })

  it('is trusted for its own origin only', async () => {
    const home = new FakeIssuer()
    const other = new FakeIssuer({ origin: 'spiffe://other.example' })
    const store = new TrustStore(nodeCrypto)
    store.set(home.origin, home.material())
    const verifier = new WitVerifier({ trust: store, crypto: nodeCrypto })
    await expectCode(() => verifier.verify(other.workload('/a').wit(NOW), NOW), 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN')
  })

  it('takes keys and issuer names from its caller', () => {
    const witKey = generateSigningKey('ES384', { kid: 'given' })
    const jwtKey = generateSigningKey('ES256', { kid: 'given-too' })
    const key = generateSigningKey('ES256')
    const issuer = new FakeIssuer({ witKey, jwtKey, issuers: ['https://issuer.example'] })
    const { header, claims } = decodeToken(issuer.workload('/a', { key }).wit(NOW))
    expect(header).toEqual({ alg: 'ES384', typ: 'wit+jwt', kid: 'given' })
    expect(claims).toMatchObject({ iss: 'https://issuer.example', cnf: { jwk: key.publicJwk } })
    expect(decodeToken(issuer.jwtSvid('/a', ['b'], NOW)).header['kid']).toBe('given-too')
  })
})

describe('mutateToken', () => {
  const issuer = new FakeIssuer()
  const token = issuer.workload('/a').wit(NOW)

  it('changes only what it is told to, and signs anew with a key', async () => {
    const changed = mutateToken(token, { header: { x: 1 }, claims: { exp: undefined, nbf: NOW }, key: issuer.witKey })
    const before = decodeToken(token)
    const after = decodeToken(changed)
    const { exp: _, ...rest } = before.claims
    expect(after.header).toEqual({ ...before.header, x: 1 })
    expect(after.claims).toEqual({ ...rest, nbf: NOW })
    const verifier = new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto })
    await expectCode(() => verifier.verify(changed, NOW), 'ERR_CREDENTIAL_MALFORMED')
  })

  it('keeps the old signature without one', () => {
    expect(decodeToken(mutateToken(token, { claims: { nbf: NOW } })).signature).toBe(decodeToken(token).signature)
  })

  it('encodes text as it is', () => {
    const text = '{"a":1,"a":2}'
    expect(encodeToken({ alg: 'ES256' }, text, issuer.witKey).split('.')[1]).toBe(
      Buffer.from(text).toString('base64url'),
    )
  })
})

describe('crypto wrappers', () => {
  it('answer with promises', async () => {
    const key = generateSigningKey('ES256')
    const data = new Uint8Array([1, 2, 3])
    const later = promisedCrypto(nodeCrypto)
    const imported = later.importPublicJwk(key.publicJwk, 'ES256')
    expect(imported).toBeInstanceOf(Promise)
    const signature = promisedSigningKey(key).sign(data)
    expect(signature).toBeInstanceOf(Promise)
    const answer = (await imported).verify(data, await signature)
    expect(answer).toBeInstanceOf(Promise)
    expect(await answer).toBe(true)
    const spki = later.exportSpki(key.publicJwk)
    expect(spki).toBeInstanceOf(Promise)
    expect(await (await later.importSpki(await spki, 'ES256')).verify(data, await signature)).toBe(true)
    expect(await later.sha256('a')).toEqual(nodeCrypto.sha256('a'))
    expect(await later.sha256Base64url('a')).toBe(nodeCrypto.sha256Base64url('a'))
    const digest = later.digest?.('sha-512', data)
    expect(digest).toBeInstanceOf(Promise)
    expect(await digest).toEqual(nodeCrypto.digest('sha-512', data))
    expect(later.randomBytes(7)).toHaveLength(7)
  })

  it('count what was asked for', async () => {
    const { crypto, calls } = countingCrypto(nodeCrypto)
    const key = generateSigningKey('ES256')
    const data = new Uint8Array(4)
    const imported = await crypto.importPublicJwk(key.publicJwk, 'ES256')
    await imported.verify(data, key.sign(data))
    await (await crypto.importSpki(await crypto.exportSpki(key.publicJwk), 'ES256')).verify(data, key.sign(data))
    await crypto.sha256('a')
    await crypto.sha256Base64url('a')
    await crypto.digest?.('sha-512', data)
    expect(crypto.randomBytes(3)).toHaveLength(3)
    expect(calls).toEqual({ imports: 2, verifications: 2, hashes: 3 })
  })

  it('have no digest where the wrapped one has none', () => {
    const { digest: _, ...rest } = nodeCrypto
    expect('digest' in promisedCrypto(rest)).toBe(false)
    expect('digest' in countingCrypto(rest).crypto).toBe(false)
  })
})
