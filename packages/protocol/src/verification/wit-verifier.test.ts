import { createHmac } from 'node:crypto'
import { decodeToken, encodeToken, expectCode, FakeIssuer, mutateToken, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { TrustMaterial } from '../bundle/trust-store.ts'
import { TrustStore } from '../bundle/trust-store.ts'
import { encodeBase64url } from '../encoding/base64url.ts'
import type { CryptoBackend } from '../keys/crypto-backend.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { WitVerifier, type WitVerifierOptions } from './wit-verifier.ts'

const NOW = 1_800_000_000
const SKEW = 30

const BACKENDS: readonly (readonly [string, CryptoBackend])[] = [
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
]

/** One issuer, one workload and one good token, per algorithm. */
function fixtureOf(alg: 'ES256' | 'EdDSA') {
  const issuer = new FakeIssuer({ alg, issuers: ['https://issuer.example'] })
  const workload = issuer.workload('/orders', { alg })
  const token = workload.wit(NOW)
  return {
    alg,
    issuer,
    workload,
    token,
    jwk: workload.key.publicJwk,
    /** The good token with some claims changed, properly signed again. */
    claims: (claims: Record<string, unknown>) => mutateToken(token, { claims, key: issuer.witKey }),
    header: (header: Record<string, unknown>) => mutateToken(token, { header, key: issuer.witKey }),
    confirmation: (change: Record<string, unknown>) =>
      mutateToken(token, { claims: { cnf: { jwk: { ...workload.key.publicJwk, ...change } } }, key: issuer.witKey }),
  }
}
type Fixture = ReturnType<typeof fixtureOf>

const fixtures = { ES256: fixtureOf('ES256'), EdDSA: fixtureOf('EdDSA') }
const stranger = generateSigningKey('ES256', { kid: 'stranger' })
const secondEs256 = generateSigningKey('ES256', { kid: 'wit-2' }).publicJwk
const secondEdDsa = generateSigningKey('EdDSA', { kid: 'wit-2' }).publicJwk
const rsaJwk = generateSigningKey('RS256').publicJwk

interface Refusal {
  readonly name: string
  readonly code: string
  readonly token: (fixture: Fixture) => string
  readonly options?: Partial<WitVerifierOptions>
  /** What the store trusts for the token's origin, in place of the issuer. */
  readonly trust?: (fixture: Fixture) => TrustMaterial
}

/** Each token is right in everything but the one thing that its row names. */
const REFUSALS: readonly Refusal[] = [
  // Form.
  { name: 'two parts', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ token }) => token.slice(0, token.lastIndexOf('.')) },
  { name: 'padding', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ token }) => `${token}==` },
  { name: 'white space', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ token }) => `${token}\n` },
  {
    name: 'a claim twice',
    code: 'ERR_CREDENTIAL_MALFORMED',
    token: ({ token, issuer }) => {
      const { header, claims } = decodeToken(token)
      const text = JSON.stringify(claims).replace('{', '{"sub":"spiffe://example.org/admin",')
      return encodeToken(header, text, issuer.witKey)
    },
  },
  {
    name: 'a header parameter twice',
    code: 'ERR_CREDENTIAL_MALFORMED',
    token: ({ token, issuer }) => {
      const { header, claims } = decodeToken(token)
      return encodeToken(JSON.stringify(header).replace('{', '{"alg":"none",'), claims, issuer.witKey)
    },
  },
  {
    name: 'a token above the size limit',
    code: 'ERR_CREDENTIAL_TOO_LARGE',
    token: ({ claims }) => claims({ padding: 'x'.repeat(16_384) }),
  },
  { name: 'crit', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ header }) => header({ crit: ['b64'], b64: true }) },
  { name: 'zip', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ header }) => header({ zip: 'DEF' }) },

  {
    name: 'a second confirmation: jwe',
    code: 'ERR_CREDENTIAL_CONFIRMATION',
    token: ({ claims, token }) => claims({ cnf: { ...(decodeToken(token).claims['cnf'] as object), jwe: 'x' } }),
  },
  {
    name: 'a second confirmation: jku',
    code: 'ERR_CREDENTIAL_CONFIRMATION',
    token: ({ claims, token }) =>
      claims({ cnf: { ...(decodeToken(token).claims['cnf'] as object), jku: 'https://x.example' } }),
  },
  { name: 'a jti that is a number', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ claims }) => claims({ jti: 7 }) },

  // Type.
  { name: 'no typ', code: 'ERR_CREDENTIAL_TYPE', token: ({ header }) => header({ typ: undefined }) },
  { name: 'the typ of a JWT-SVID', code: 'ERR_CREDENTIAL_TYPE', token: ({ header }) => header({ typ: 'JWT' }) },
  { name: 'the typ of a proof', code: 'ERR_CREDENTIAL_TYPE', token: ({ header }) => header({ typ: 'wpt+jwt' }) },
  { name: 'the typ of an access token', code: 'ERR_CREDENTIAL_TYPE', token: ({ header }) => header({ typ: 'at+jwt' }) },

  // Algorithm.
  {
    name: 'alg none with the signature left in place',
    code: 'ERR_CREDENTIAL_ALGORITHM',
    token: ({ token }) => mutateToken(token, { header: { alg: 'none' } }),
  },
  {
    name: 'an HMAC keyed with the public key',
    code: 'ERR_CREDENTIAL_ALGORITHM',
    token: ({ token, issuer }) => {
      const unsigned = mutateToken(token, { header: { alg: 'HS256' } })
      const input = unsigned.slice(0, unsigned.lastIndexOf('.'))
      const spki = nodeCrypto.exportSpki(issuer.witKey.publicJwk)
      return `${input}.${createHmac('sha256', spki).update(input).digest('base64url')}`
    },
  },
  {
    name: 'an algorithm outside the allowed ones',
    code: 'ERR_CREDENTIAL_ALGORITHM',
    token: ({ token }) => token,
    options: { algorithms: ['RS256'] },
  },
  {
    name: 'an algorithm of the profile that is outside the allowed ones',
    code: 'ERR_CREDENTIAL_ALGORITHM',
    token: ({ token }) => token,
    options: { profile: 'wit-svid', algorithms: ['RS256'] },
  },

  // Subject.
  { name: 'no sub', code: 'ERR_CREDENTIAL_SUBJECT', token: ({ claims }) => claims({ sub: undefined }) },
  { name: 'a sub that is no text', code: 'ERR_CREDENTIAL_SUBJECT', token: ({ claims }) => claims({ sub: 1 }) },
  { name: 'two subs', code: 'ERR_CREDENTIAL_SUBJECT', token: ({ claims, workload }) => claims({ sub: [workload.id] }) },
  {
    name: 'a sub without path',
    code: 'ERR_CREDENTIAL_SUBJECT',
    token: ({ claims }) => claims({ sub: 'spiffe://example.org' }),
  },
  {
    name: 'a sub that is not canonical',
    code: 'ERR_CREDENTIAL_SUBJECT',
    token: ({ claims }) => claims({ sub: 'spiffe://EXAMPLE.org/orders' }),
  },

  // Trust.
  {
    name: 'an unknown trust domain',
    code: 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN',
    token: ({ claims }) => claims({ sub: 'spiffe://other.example/orders' }),
  },
  {
    name: 'the trust domain under another scheme',
    code: 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN',
    token: ({ claims }) => claims({ sub: 'wimse://example.org/orders' }),
  },
  {
    name: 'a subdomain of the trust domain',
    code: 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN',
    token: ({ claims }) => claims({ sub: 'spiffe://a.example.org/orders' }),
  },

  // Key selection.
  { name: 'an unknown kid', code: 'ERR_CREDENTIAL_KEY_UNKNOWN', token: ({ header }) => header({ kid: 'other' }) },
  {
    name: 'a kid whose key has another type',
    code: 'ERR_CREDENTIAL_KEY_UNKNOWN',
    token: ({ token }) => token,
    trust: ({ alg }) => ({ witKeys: [{ ...(alg === 'ES256' ? secondEdDsa : secondEs256), kid: 'wit-1' }] }),
  },
  {
    name: 'a key that is trusted for JWT-SVIDs only',
    code: 'ERR_CREDENTIAL_KEY_UNKNOWN',
    token: ({ token }) => token,
    trust: ({ issuer }) => ({ jwtKeys: [issuer.witKey.publicJwk] }),
  },
  {
    name: 'an origin whose keys were all withdrawn',
    code: 'ERR_CREDENTIAL_KEY_UNKNOWN',
    token: ({ token }) => token,
    trust: () => ({}),
  },
  {
    name: 'no kid where two keys could be meant',
    code: 'ERR_CREDENTIAL_KEY_AMBIGUOUS',
    token: ({ header }) => header({ kid: undefined }),
    trust: ({ alg, issuer }) => ({ witKeys: [issuer.witKey.publicJwk, alg === 'ES256' ? secondEs256 : secondEdDsa] }),
  },
  {
    name: 'no kid where policy wants one',
    code: 'ERR_CREDENTIAL_HEADER',
    token: ({ header }) => header({ kid: undefined }),
    options: { requireKeyId: true },
  },

  // Signature.
  {
    name: 'a changed subject under the old signature',
    code: 'ERR_CREDENTIAL_SIGNATURE',
    token: ({ token }) => mutateToken(token, { claims: { sub: 'spiffe://example.org/admin' } }),
  },
  {
    name: 'the signature of another key, which the header offers itself',
    code: 'ERR_CREDENTIAL_SIGNATURE',
    token: ({ token, alg }) => {
      const key = alg === 'ES256' ? stranger : generateSigningKey('EdDSA')
      return mutateToken(token, { header: { jwk: key.publicJwk, jku: 'https://attacker.example' }, key })
    },
  },
  {
    name: 'a signature that is cut short',
    code: 'ERR_CREDENTIAL_SIGNATURE',
    token: ({ token }) => `${token.slice(0, token.lastIndexOf('.'))}.${encodeBase64url(new Uint8Array(63))}`,
  },
  {
    name: 'a signature by the workload itself',
    code: 'ERR_CREDENTIAL_SIGNATURE',
    token: ({ token, workload }) => mutateToken(token, { key: workload.key }),
  },

  // Times.
  { name: 'no exp', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ claims }) => claims({ exp: undefined }) },
  { name: 'exp as text', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ claims }) => claims({ exp: `${NOW + 60}` }) },
  {
    name: 'an exp beyond all numbers',
    code: 'ERR_CREDENTIAL_MALFORMED',
    token: ({ token, issuer }) => {
      const { header, claims } = decodeToken(token)
      return encodeToken(header, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e999'), issuer.witKey)
    },
  },
  { name: 'a past exp', code: 'ERR_CREDENTIAL_EXPIRED', token: ({ claims }) => claims({ exp: NOW - SKEW }) },
  {
    name: 'a future nbf',
    code: 'ERR_CREDENTIAL_NOT_YET_VALID',
    token: ({ claims }) => claims({ nbf: NOW + SKEW + 1 }),
  },
  { name: 'nbf as text', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ claims }) => claims({ nbf: `${NOW}` }) },
  { name: 'iat as text', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ claims }) => claims({ iat: `${NOW}` }) },
  {
    name: 'a lifetime above the limit',
    code: 'ERR_CREDENTIAL_LIFETIME',
    token: ({ token }) => token,
    options: { maxLifetimeSeconds: 3600 - SKEW - 1 },
  },
  {
    name: 'a future iat where policy minds',
    code: 'ERR_CREDENTIAL_ISSUED_IN_FUTURE',
    token: ({ claims }) => claims({ iat: NOW + SKEW + 1 }),
    options: { rejectFutureIssuedAt: true },
  },
  {
    name: 'an old iat where policy minds',
    code: 'ERR_CREDENTIAL_TOO_OLD',
    token: ({ claims }) => claims({ iat: NOW - 100 - SKEW - 1 }),
    options: { maxAgeSeconds: 100 },
  },

  // Confirmation key.
  { name: 'no cnf', code: 'ERR_CREDENTIAL_CONFIRMATION', token: ({ claims }) => claims({ cnf: undefined }) },
  { name: 'a cnf of null', code: 'ERR_CREDENTIAL_CONFIRMATION', token: ({ claims }) => claims({ cnf: null }) },
  { name: 'a cnf that is text', code: 'ERR_CREDENTIAL_CONFIRMATION', token: ({ claims }) => claims({ cnf: 'jwk' }) },
  {
    name: 'a cnf without jwk',
    code: 'ERR_CREDENTIAL_CONFIRMATION',
    token: ({ claims }) => claims({ cnf: { kid: 'a' } }),
  },
  {
    name: 'a jwk that is text',
    code: 'ERR_CREDENTIAL_CONFIRMATION',
    token: ({ claims }) => claims({ cnf: { jwk: 'a' } }),
  },
  {
    name: 'a private key',
    code: 'ERR_CREDENTIAL_CONFIRMATION',
    token: ({ confirmation }) => confirmation({ d: 'AA' }),
  },
  {
    name: 'a symmetric key',
    code: 'ERR_CREDENTIAL_CONFIRMATION',
    token: ({ claims }) => claims({ cnf: { jwk: { kty: 'oct', k: 'AA', alg: 'HS256' } } }),
  },
  {
    name: 'a short coordinate',
    code: 'ERR_CREDENTIAL_CONFIRMATION',
    token: ({ confirmation }) => confirmation({ x: 'AA' }),
  },
  {
    name: 'a point off the curve',
    code: 'ERR_CREDENTIAL_CONFIRMATION',
    token: ({ claims }) => claims({ cnf: { jwk: { ...secondEs256, y: secondEs256.x } } }),
  },
  {
    name: 'a weak RSA key',
    code: 'ERR_CREDENTIAL_CONFIRMATION',
    token: ({ claims }) => claims({ cnf: { jwk: { ...rsaJwk, n: encodeBase64url(new Uint8Array(128).fill(255)) } } }),
  },
  {
    name: 'a key for encryption',
    code: 'ERR_CREDENTIAL_CONFIRMATION',
    token: ({ confirmation }) => confirmation({ use: 'enc' }),
  },
  {
    name: 'a key without alg',
    code: 'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM',
    token: ({ confirmation }) => confirmation({ alg: undefined }),
  },
  {
    name: 'a key with alg none',
    code: 'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM',
    token: ({ confirmation }) => confirmation({ alg: 'none' }),
  },
  {
    name: 'a key with an HMAC',
    code: 'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM',
    token: ({ confirmation }) => confirmation({ alg: 'HS256' }),
  },
  {
    name: 'a key with key agreement',
    code: 'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM',
    token: ({ confirmation }) => confirmation({ alg: 'ECDH-ES' }),
  },
  {
    name: 'a key with an alg of another type',
    code: 'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM',
    token: ({ confirmation, alg }) => confirmation({ alg: alg === 'ES256' ? 'EdDSA' : 'ES256' }),
  },
  {
    name: 'a key with an alg that is not allowed here',
    code: 'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM',
    token: ({ claims }) => claims({ cnf: { jwk: rsaJwk } }),
    options: { algorithms: ['ES256', 'EdDSA'] },
  },

  // Issuer.
  { name: 'an iss that is no text', code: 'ERR_CREDENTIAL_ISSUER', token: ({ claims }) => claims({ iss: 1 }) },
  {
    name: 'an iss that is not of this origin',
    code: 'ERR_CREDENTIAL_ISSUER',
    token: ({ claims }) => claims({ iss: 'https://other.example' }),
    options: { enforceIssuers: true },
  },
]

describe.each(BACKENDS)('WitVerifier on a %s backend', (_, crypto) => {
  describe.each(['ES256', 'EdDSA'] as const)('%s', (alg) => {
    const fixture = fixtures[alg]
    const verifierWith = (options: Partial<WitVerifierOptions> = {}, material?: TrustMaterial) => {
      const trust = new TrustStore(crypto)
      trust.set(fixture.issuer.origin, material ?? fixture.issuer.material())
      return new WitVerifier({ trust, crypto, ...options })
    }

    it('returns what a good token proves', async () => {
      const wit = await verifierWith().verify(fixture.token, NOW)
      expect(wit).toMatchObject({
        confirmationJwk: fixture.jwk,
        confirmationKey: { alg },
        expiresAt: NOW + 3600,
        issuer: 'https://issuer.example',
        digest: nodeCrypto.sha256Base64url(fixture.token),
        trust: { origin: 'spiffe://example.org' },
        claims: { sub: 'spiffe://example.org/orders' },
        times: { expiresAt: NOW + 3600, issuedAt: NOW },
      })
      expect(wit.subject.equals(fixture.workload.id)).toBe(true)
      const data = new Uint8Array([1])
      expect(await wit.confirmationKey.verify(data, fixture.workload.key.sign(data))).toBe(true)
    })

    it('accepts what is optional, in either way', async () => {
      const strict = {
        requireKeyId: true,
        enforceIssuers: true,
        rejectFutureIssuedAt: true,
        maxAgeSeconds: 0,
        maxLifetimeSeconds: 3600,
        clockSkewSeconds: 0,
        algorithms: [alg],
      }
      expect((await verifierWith(strict).verify(fixture.token, NOW)).expiresAt).toBe(NOW + 3600)
      const verifier = verifierWith()
      for (const token of [
        fixture.claims({ iss: undefined, iat: undefined }),
        fixture.claims({ iss: 'https://any.example', jti: 'x', nbf: NOW + SKEW, aud: 'ignored', private: { a: 1 } }),
        fixture.claims({ exp: NOW - SKEW + 1 }),
        fixture.claims({ iat: NOW + 10_000 }),
        fixture.header({ kid: undefined }),
        fixture.header({ typ: 'application/WIT+JWT', jku: 'https://attacker.example', x5u: 'ignored' }),
        fixture.confirmation({ use: 'sig', kid: 'x', future: 'member' }),
      ]) {
        expect((await verifier.verify(token, NOW)).subject.toString()).toBe('spiffe://example.org/orders')
      }
    })

    it('accepts tokens of every trusted key while keys are being replaced', async () => {
      const next = generateSigningKey(alg, { kid: 'next' })
      const keys = [fixture.issuer.witKey.publicJwk, next.publicJwk]
      const verifier = verifierWith({}, { witKeys: keys })
      const renewed = mutateToken(fixture.token, { header: { kid: 'next' }, key: next })
      expect((await verifier.verify(fixture.token, NOW)).expiresAt).toBe(NOW + 3600)
      expect((await verifier.verify(renewed, NOW)).expiresAt).toBe(NOW + 3600)
    })

    it.each(REFUSALS)('refuses $name', async ({ token, code, options, trust }) => {
      const verifier = verifierWith(options, trust?.(fixture))
      const shown = token(fixture)
      const error = await expectCode(() => verifier.verify(shown, NOW), code)
      expect(error.name).toBe('CredentialError')
      // And again: a refusal must not leave anything behind that helps the second time.
      await expectCode(() => verifier.verify(shown, NOW), code)
      expect(`${error.message} ${error.detail}`).not.toContain(shown)
    })
  })

  it('lets the keys of an origin vouch for that origin only', async () => {
    const home = new FakeIssuer({ origin: 'spiffe://home.example' })
    const partner = new FakeIssuer({ origin: 'spiffe://partner.example' })
    const legacy = new FakeIssuer({ origin: 'wimse://home.example' })
    const trust = new TrustStore(crypto)
    for (const issuer of [home, partner, legacy]) trust.set(issuer.origin, issuer.material())
    const verifier = new WitVerifier({ trust, crypto })
    for (const issuer of [home, partner, legacy]) {
      const token = issuer.workload('/a').wit(NOW)
      expect((await verifier.verify(token, NOW)).trust.origin).toBe(issuer.origin)
      const sub = issuer === home ? 'spiffe://partner.example/a' : 'spiffe://home.example/a'
      const forged = mutateToken(token, { claims: { sub }, key: issuer.witKey })
      await expectCode(() => verifier.verify(forged, NOW), 'ERR_CREDENTIAL_SIGNATURE')
    }
  })

  it('holds an issuer name to the origin it was configured for', async () => {
    const home = new FakeIssuer({ origin: 'spiffe://home.example', issuers: ['https://home.example'] })
    const partner = new FakeIssuer({ origin: 'spiffe://partner.example', issuers: ['https://partner.example'] })
    const trust = new TrustStore(crypto)
    for (const issuer of [home, partner]) trust.set(issuer.origin, issuer.material())
    const verifier = new WitVerifier({ trust, crypto, enforceIssuers: true })
    const token = home.workload('/a').wit(NOW)
    expect((await verifier.verify(token, NOW)).issuer).toBe('https://home.example')
    const borrowed = mutateToken(token, { claims: { iss: 'https://partner.example' }, key: home.witKey })
    await expectCode(() => verifier.verify(borrowed, NOW), 'ERR_CREDENTIAL_ISSUER')
  })

  it('counts a trusted key that is no valid key as absent', async () => {
    const { token, issuer } = fixtures.ES256
    const { x = '' } = issuer.witKey.publicJwk
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, { witKeys: [{ ...issuer.witKey.publicJwk, y: x }] })
    const verifier = new WitVerifier({ trust, crypto })
    const error = await expectCode(() => verifier.verify(token, NOW), 'ERR_CREDENTIAL_KEY_UNKNOWN')
    expect(error.detail).toContain('key is not a valid public key')
  })

  it('tells the log what was wrong', async () => {
    const { token, claims, header, confirmation, issuer } = fixtures.ES256
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    const verifier = new WitVerifier({ trust, crypto, algorithms: ['ES256'] })
    const refusalOf = (shown: string, code: string) => expectCode(() => verifier.verify(shown, NOW), code)
    const detailOf = async (shown: string, code: string) => (await refusalOf(shown, code)).detail
    expect(await detailOf(header({ typ: undefined }), 'ERR_CREDENTIAL_TYPE')).toBe('typ absent')
    expect(await detailOf(header({ typ: 'JWT' }), 'ERR_CREDENTIAL_TYPE')).toBe('typ JWT')
    expect(await detailOf(header({ kid: 'other' }), 'ERR_CREDENTIAL_KEY_UNKNOWN')).toBe(
      'spiffe://example.org, kid "other", alg ES256',
    )
    const elsewhere = claims({ sub: 'spiffe://other.example/a' })
    expect(await detailOf(elsewhere, 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN')).toBe('spiffe://other.example')
    const forged = mutateToken(token, { claims: { jti: 'x' } })
    expect(await detailOf(forged, 'ERR_CREDENTIAL_SIGNATURE')).toBe('spiffe://example.org')
    const early = claims({ nbf: NOW + 100 })
    expect(await detailOf(early, 'ERR_CREDENTIAL_NOT_YET_VALID')).toBe(`nbf ${NOW + 100}, now ${NOW}`)
    const otherKey = claims({ cnf: { jwk: secondEdDsa } })
    expect(await detailOf(otherKey, 'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM')).toBe('EdDSA')
    const secret = await refusalOf(confirmation({ d: 'AA' }), 'ERR_CREDENTIAL_CONFIRMATION')
    expect(secret).toMatchObject({ detail: 'member "d"', cause: { code: 'ERR_KEY_PRIVATE' } })
    const short = await refusalOf(confirmation({ x: 'AA' }), 'ERR_CREDENTIAL_CONFIRMATION')
    expect(short.detail).toBe(undefined)
  })

  it('passes on what is no refusal, such as a backend out of order', async () => {
    const { token, issuer } = fixtures.ES256
    const broken: CryptoBackend = {
      ...crypto,
      importPublicJwk: () => {
        throw new Error('no hardware')
      },
    }
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    const verifier = new WitVerifier({ trust, crypto: broken })
    await expect(async () => verifier.verify(token, NOW)).rejects.toThrow('no hardware')
    const brokenTrust = new TrustStore(broken)
    brokenTrust.set(issuer.origin, issuer.material())
    const other = new WitVerifier({ trust: brokenTrust, crypto })
    await expect(async () => other.verify(token, NOW)).rejects.toThrow('no hardware')
  })

  describe('with the profile wit-svid', () => {
    const issuer = new FakeIssuer({ profile: 'wit-svid' })
    const token = issuer.workload('/orders').wit(NOW)
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    const verifier = new WitVerifier({ trust, crypto, profile: 'wit-svid' })
    const plain = new WitVerifier({ trust, crypto })

    it('accepts a WIT-SVID', async () => {
      expect((await verifier.verify(token, NOW)).subject.toString()).toBe('spiffe://example.org/orders')
    })

    it('takes iat for no start of validity', async () => {
      const early = mutateToken(token, { claims: { iat: NOW + 5000 }, key: issuer.witKey })
      expect((await verifier.verify(early, NOW)).times.issuedAt).toBe(NOW + 5000)
    })

    it('does not mind the same jti twice: several instances may share a token', async () => {
      for (const exp of [NOW + 100, NOW + 200]) {
        const shared = mutateToken(token, { claims: { jti: 'same', exp }, key: issuer.witKey })
        expect((await verifier.verify(shared, NOW)).expiresAt).toBe(exp)
      }
    })

    it.each([
      ['no kid', { header: { kid: undefined } }, 'ERR_CREDENTIAL_HEADER'],
      ['an audience', { claims: { aud: ['https://api.example.org'] } }, 'ERR_CREDENTIAL_AUDIENCE'],
      ['an audience of null', { claims: { aud: null } }, 'ERR_CREDENTIAL_AUDIENCE'],
      ['an EdDSA confirmation key', { claims: { cnf: { jwk: secondEdDsa } } }, 'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM'],
    ])('refuses %s, which a plain WIT may have', async (__, change, code) => {
      const changed = mutateToken(token, { ...change, key: issuer.witKey })
      expect((await plain.verify(changed, NOW)).subject.toString()).toBe('spiffe://example.org/orders')
      await expectCode(() => verifier.verify(changed, NOW), code)
    })

    it('refuses an EdDSA signature, which a plain WIT may have', async () => {
      const { token: edwards, issuer: edwardsIssuer } = fixtures.EdDSA
      const store = new TrustStore(crypto)
      store.set(edwardsIssuer.origin, edwardsIssuer.material())
      const es256 = mutateToken(edwards, { claims: { cnf: { jwk: secondEs256 } }, key: edwardsIssuer.witKey })
      expect((await new WitVerifier({ trust: store, crypto }).verify(es256, NOW)).expiresAt).toBe(NOW + 3600)
      const strict = new WitVerifier({ trust: store, crypto, profile: 'wit-svid' })
      await expectCode(() => strict.verify(es256, NOW), 'ERR_CREDENTIAL_ALGORITHM')
    })

    it('refuses a subject that is no SPIFFE ID, which a plain WIT may have', async () => {
      const wimse = new FakeIssuer({ origin: 'wimse://example.org' })
      const store = new TrustStore(crypto)
      store.set(wimse.origin, wimse.material())
      const other = wimse.workload('/a').wit(NOW)
      expect((await new WitVerifier({ trust: store, crypto }).verify(other, NOW)).expiresAt).toBe(NOW + 3600)
      const strict = new WitVerifier({ trust: store, crypto, profile: 'wit-svid' })
      await expectCode(() => strict.verify(other, NOW), 'ERR_CREDENTIAL_SUBJECT')
    })
  })

  it('refuses a JWT-SVID, even one signed with a trusted WIT key', async () => {
    const key = generateSigningKey('ES256', { kid: 'one-for-both' })
    const issuer = new FakeIssuer({ witKey: key, jwtKey: key })
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    const token = issuer.jwtSvid('/orders', ['db'], NOW)
    await expectCode(() => new WitVerifier({ trust, crypto }).verify(token, NOW), 'ERR_CREDENTIAL_TYPE')
  })
})

describe('WitVerifier', () => {
  it('cuts what it quotes of a token for the log', async () => {
    const { token, issuer } = fixtures.ES256
    const long = 'x'.repeat(5000)
    const verifier = new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto, enforceIssuers: true })
    const shown = [
      mutateToken(token, { header: { typ: long } }),
      mutateToken(token, { header: { alg: long } }),
      mutateToken(token, { header: { kid: long } }),
      mutateToken(token, { claims: { iss: long }, key: issuer.witKey }),
    ]
    const codes = ['TYPE', 'ALGORITHM', 'KEY_UNKNOWN', 'ISSUER']
    for (const [index, code] of codes.entries()) {
      const error = await expectCode(() => verifier.verify(shown[index] as string, NOW), `ERR_CREDENTIAL_${code}`)
      expect(error.detail?.length).toBeLessThan(300)
    }
  })
})
