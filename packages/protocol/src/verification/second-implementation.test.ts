import { createHash } from 'node:crypto'
import { encodeToken, FakeIssuer, mutateToken } from '@countersign/testing'
import fc from 'fast-check'
import { type CryptoKey, importJWK, jwtVerify, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { AudiencePolicy } from '../http/audience.ts'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm, SVID_ALGORITHMS } from '../keys/algorithm.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey, importSigningKey, type NodeSigningKey } from '../keys-node/signing-key.ts'
import { JwtSvidVerifier } from './jwt-svid-verifier.ts'
import { WitVerifier } from './wit-verifier.ts'
import { WptVerifier } from './wpt-verifier.ts'

const NOW = 1_800_000_000
const AUDIENCE = 'https://api.example.org/orders'
const currentDate = new Date(NOW * 1000)

const rsa = generateSigningKey('RS256')
function keyFor(alg: SignatureAlgorithm, kid: string): NodeSigningKey {
  return alg.startsWith('RS') || alg.startsWith('PS')
    ? importSigningKey({ pkcs8: rsa.exportPkcs8() }, alg, { kid })
    : generateSigningKey(alg, { kid })
}
const publicKey = (key: NodeSigningKey) => importJWK({ ...key.publicJwk }, key.alg)
const privateKey = (key: NodeSigningKey) => importJWK({ ...key.exportJwk() }, key.alg) as Promise<CryptoKey>
const hash = (text: string) => createHash('sha256').update(text).digest('base64url')

describe('what we make, jose verifies', () => {
  it.each(SIGNATURE_ALGORITHMS)('WIT and WPT with %s', async (alg) => {
    const issuer = new FakeIssuer({ witKey: keyFor(alg, 'wit') })
    const workload = issuer.workload('/orders', { key: keyFor(alg, 'workload') })
    const wit = workload.wit(NOW)
    const witResult = await jwtVerify(wit, await publicKey(issuer.witKey), {
      ...{ typ: 'wit+jwt', algorithms: [alg], currentDate, subject: 'spiffe://example.org/orders' },
      requiredClaims: ['exp', 'cnf'],
    })
    expect(witResult.payload['cnf']).toEqual({ jwk: workload.key.publicJwk })
    const wpt = workload.proof(wit, { audience: AUDIENCE, now: NOW, accessToken: 'abc' })
    const confirmationKey = await publicKey(workload.key)
    const wptResult = await jwtVerify(wpt, confirmationKey, {
      ...{ typ: 'wpt+jwt', algorithms: [alg], currentDate, audience: AUDIENCE },
      requiredClaims: ['exp', 'jti'],
    })
    expect(wptResult.payload).toMatchObject({ wth: hash(wit), ath: hash('abc') })
  })

  it.each(SVID_ALGORITHMS)('JWT-SVID with %s', async (alg) => {
    const issuer = new FakeIssuer({ jwtKey: keyFor(alg, 'jwt') })
    const token = issuer.jwtSvid('/orders', ['db', 'cache'], NOW)
    const { payload } = await jwtVerify(token, await publicKey(issuer.jwtKey), {
      ...{ typ: 'JWT', algorithms: [alg], currentDate, audience: 'db', maxTokenAge: 1 },
      subject: 'spiffe://example.org/orders',
    })
    expect(payload.exp).toBe(NOW + 300)
  })
})

describe('what jose makes, we verify', () => {
  it.each(SIGNATURE_ALGORITHMS)('WIT and WPT with %s', async (alg) => {
    const issuer = new FakeIssuer({ witKey: keyFor(alg, 'wit') })
    const key = keyFor(alg, 'workload')
    const wit = await new SignJWT({ cnf: { jwk: { ...key.publicJwk } } })
      .setProtectedHeader({ alg, typ: 'wit+jwt', kid: 'wit' })
      .setSubject('spiffe://example.org/orders')
      .setExpirationTime(NOW + 600)
      .sign(await privateKey(issuer.witKey))
    const wpt = await new SignJWT({ wth: hash(wit) })
      .setProtectedHeader({ alg, typ: 'wpt+jwt' })
      .setAudience(AUDIENCE)
      .setExpirationTime(NOW + 60)
      .setJti('one')
      .sign(await privateKey(key))
    const verified = await new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }).verify(wit, NOW)
    const audience = new AudiencePolicy({ accepted: [AUDIENCE] })
    const verifier = new WptVerifier({ crypto: nodeCrypto, audience, replayMemory: undefined })
    const proof = await verifier.verify(wpt, { wit: verified, target: '/orders', now: NOW })
    expect(proof).toEqual({ id: 'one', expiresAt: NOW + 60, audience: AUDIENCE })
  })

  it.each(SVID_ALGORITHMS)('JWT-SVID with %s', async (alg) => {
    const issuer = new FakeIssuer({ jwtKey: keyFor(alg, 'jwt') })
    const token = await new SignJWT()
      .setProtectedHeader({ alg, typ: 'JWT', kid: 'jwt' })
      .setSubject('spiffe://example.org/orders')
      .setAudience('db')
      .setExpirationTime(NOW + 600)
      .sign(await privateKey(issuer.jwtKey))
    const verified = await new JwtSvidVerifier({ trust: issuer.trust }).verify(token, 'db', NOW)
    expect(verified.subject.toString()).toBe('spiffe://example.org/orders')
  })
})

describe('we and jose', () => {
  const issuer = new FakeIssuer()
  const verifier = new JwtSvidVerifier({ trust: issuer.trust })
  const token = issuer.jwtSvid('/orders', ['db'], NOW)

  it('agree on times and audiences, whatever they are', async () => {
    const key = await publicKey(issuer.jwtKey)
    const time = fc.oneof(
      fc.integer({ min: NOW - 32, max: NOW + 32 }),
      fc.constantFrom(undefined, null, 'text', `${NOW}`, true, NOW + 0.5, NOW - 29.5, -1, 0, 1e300),
    )
    const audience = fc.oneof(
      fc.constantFrom<unknown>('db', 'other', undefined, null, 1, '', ['db'], [], ['other'], ['db', 'other'], {}),
    )
    await fc.assert(
      fc.asyncProperty(time, time, audience, async (exp, nbf, aud) => {
        const shown = mutateToken(token, { claims: { exp, nbf, aud }, key: issuer.jwtKey })
        const options = { audience: 'db', clockTolerance: 30, currentDate, requiredClaims: ['sub', 'exp'] }
        const theirs = await jwtVerify(shown, key, options).then(
          () => true,
          () => false,
        )
        expect(await accepts(() => verifier.verify(shown, 'db', NOW))).toBe(theirs)
      }),
      { numRuns: 500 },
    )
  })
})

/** Member names with escape sequences are refused on purpose. */
const hasPlainNames = (value: unknown) => !/\\.(?:[^"\\]|\\.)*"\s*:/s.test(JSON.stringify(value))

describe('a token with one bit changed', () => {
  const issuer = new FakeIssuer({ alg: 'EdDSA' })
  const workload = issuer.workload('/orders')
  const es256 = new FakeIssuer()
  const claims = fc.record(
    {
      iss: fc.webUrl(),
      jti: fc.string(),
      nbf: fc.integer({ min: 0, max: NOW }),
      iat: fc.integer({ min: 0, max: NOW }),
      private: fc.jsonValue({ maxDepth: 3 }).filter(hasPlainNames),
    },
    { requiredKeys: [] },
  )

  it.each([
    ['WIT, EdDSA', issuer],
    ['WIT, ES256', es256],
  ])('is refused: %s', async (_, from) => {
    const verifier = new WitVerifier({ trust: from.trust, crypto: nodeCrypto })
    const base = { sub: 'spiffe://example.org/orders', exp: NOW + 600, cnf: { jwk: workload.key.publicJwk } }
    const header = { alg: from.witKey.alg, typ: 'wit+jwt', kid: 'wit-1' }
    await fc.assert(
      fc.asyncProperty(claims, fc.nat(), fc.nat(7), async (extra, place, bit) => {
        const token = encodeToken(header, { ...extra, ...base }, from.witKey)
        expect((await verifier.verify(token, NOW)).expiresAt).toBe(NOW + 600)
        expect(await accepts(() => verifier.verify(flipBit(token, place, bit), NOW))).toBe(false)
      }),
      { numRuns: 400 },
    )
  })

  it('is refused: WPT', async () => {
    const token = workload.wit(NOW)
    const wit = await new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }).verify(token, NOW)
    const audience = new AudiencePolicy({ accepted: [AUDIENCE] })
    const verifier = new WptVerifier({ crypto: nodeCrypto, audience, replayMemory: undefined })
    const context = { wit, target: '/orders', now: NOW }
    const base = { aud: AUDIENCE, exp: NOW + 60, jti: 'one', wth: hash(token) }
    await fc.assert(
      fc.asyncProperty(claims, fc.nat(), fc.nat(7), async (extra, place, bit) => {
        const proof = encodeToken({ alg: 'ES256', typ: 'wpt+jwt' }, { ...extra, ...base }, workload.key)
        expect((await verifier.verify(proof, context)).id).toBe('one')
        expect(await accepts(() => verifier.verify(flipBit(proof, place, bit), context))).toBe(false)
      }),
      { numRuns: 400 },
    )
  })

  it('is refused: JWT-SVID, at every single place', async () => {
    const verifier = new JwtSvidVerifier({ trust: es256.trust })
    const token = es256.jwtSvid('/orders', ['db'], NOW)
    for (let place = 0; place < token.length; place++) {
      expect(await accepts(() => verifier.verify(flipBit(token, place, place % 8), 'db', NOW))).toBe(false)
    }
  })
})

async function accepts(verify: () => unknown): Promise<boolean> {
  try {
    await verify()
    return true
  } catch {
    return false
  }
}

function flipBit(token: string, place: number, bit: number): string {
  const index = place % token.length
  return token.slice(0, index) + String.fromCharCode(token.charCodeAt(index) ^ (1 << bit)) + token.slice(index + 1)
}
