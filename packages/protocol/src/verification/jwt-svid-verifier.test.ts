import { createHmac } from 'node:crypto'
import { decodeToken, encodeToken, expectCode, FakeIssuer, mutateToken, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { type TrustMaterial, TrustStore } from '../bundle/trust-store.ts'
import { encodeBase64url } from '../encoding/base64url.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { JwtSvidVerifier } from './jwt-svid-verifier.ts'
import type { TimePolicy } from './time-window.ts'

const NOW = 1_800_000_000
const SKEW = 30
const AUDIENCE = 'spiffe://example.org/db'
const SUBJECT = 'spiffe://example.org/orders'

function fixtureOf(alg: 'ES256' | 'PS256') {
  const issuer = new FakeIssuer({ witKey: generateSigningKey('ES256', { kid: 'wit-1' }), alg })
  const token = issuer.jwtSvid('/orders', [AUDIENCE], NOW)
  return {
    alg,
    issuer,
    token,
    claims: (claims: Record<string, unknown>) => mutateToken(token, { claims, key: issuer.jwtKey }),
    header: (header: Record<string, unknown>) => mutateToken(token, { header, key: issuer.jwtKey }),
  }
}
type Fixture = ReturnType<typeof fixtureOf>
const fixtures = { ES256: fixtureOf('ES256'), PS256: fixtureOf('PS256') }
const edwards = generateSigningKey('EdDSA', { kid: 'jwt-1' })
const secondEs256 = generateSigningKey('ES256', { kid: 'jwt-2' }).publicJwk
const secondPs256 = generateSigningKey('PS256', { kid: 'jwt-2' }).publicJwk

interface Refusal {
  readonly name: string
  readonly code: string
  readonly token: (fixture: Fixture) => string
  readonly options?: TimePolicy
  readonly trust?: (fixture: Fixture) => TrustMaterial
  readonly audience?: string
}

const good = ({ token }: Fixture) => token

const REFUSALS: readonly Refusal[] = [
  { name: 'two parts', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ token }) => token.slice(0, token.lastIndexOf('.')) },
  { name: 'a scheme in front', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ token }) => `Bearer ${token}` },
  {
    name: 'a claim twice',
    code: 'ERR_CREDENTIAL_MALFORMED',
    token: ({ token, issuer }) => {
      const { header, claims } = decodeToken(token)
      return encodeToken(header, JSON.stringify(claims).replace('{', '{"aud":"x",'), issuer.jwtKey)
    },
  },
  {
    name: 'too many bytes',
    code: 'ERR_CREDENTIAL_TOO_LARGE',
    token: ({ claims }) => claims({ a: 'x'.repeat(16_384) }),
  },
  { name: 'crit', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ header }) => header({ crit: ['exp'] }) },

  { name: 'the typ of a WIT', code: 'ERR_CREDENTIAL_TYPE', token: ({ header }) => header({ typ: 'wit+jwt' }) },
  { name: 'the typ of a proof', code: 'ERR_CREDENTIAL_TYPE', token: ({ header }) => header({ typ: 'wpt+jwt' }) },
  { name: 'the typ of an access token', code: 'ERR_CREDENTIAL_TYPE', token: ({ header }) => header({ typ: 'at+jwt' }) },
  { name: 'a typ in lower case', code: 'ERR_CREDENTIAL_TYPE', token: ({ header }) => header({ typ: 'jwt' }) },
  { name: 'a key in the header', code: 'ERR_CREDENTIAL_HEADER', token: ({ header }) => header({ jwk: secondEs256 }) },
  {
    name: 'a URL in the header',
    code: 'ERR_CREDENTIAL_HEADER',
    token: ({ header }) => header({ jku: 'https://a.example' }),
  },
  { name: 'any other parameter', code: 'ERR_CREDENTIAL_HEADER', token: ({ header }) => header({ b64: true }) },

  {
    name: 'alg none',
    code: 'ERR_CREDENTIAL_ALGORITHM',
    token: ({ token }) => mutateToken(token, { header: { alg: 'none' } }),
  },
  {
    name: 'an HMAC keyed with the public key',
    code: 'ERR_CREDENTIAL_ALGORITHM',
    token: ({ token, issuer }) => {
      const unsigned = mutateToken(token, { header: { alg: 'HS256' } })
      const input = unsigned.slice(0, unsigned.lastIndexOf('.'))
      const spki = nodeCrypto.exportSpki(issuer.jwtKey.publicJwk)
      return `${input}.${createHmac('sha256', spki).update(input).digest('base64url')}`
    },
  },
  {
    name: 'EdDSA, even from a trusted key',
    code: 'ERR_CREDENTIAL_ALGORITHM',
    token: ({ token }) => mutateToken(token, { header: { alg: 'EdDSA' }, key: edwards }),
    trust: () => ({ jwtKeys: [edwards.publicJwk] }),
  },

  { name: 'no sub', code: 'ERR_CREDENTIAL_SUBJECT', token: ({ claims }) => claims({ sub: undefined }) },
  {
    name: 'a sub without path',
    code: 'ERR_CREDENTIAL_SUBJECT',
    token: ({ claims }) => claims({ sub: 'spiffe://example.org' }),
  },
  { name: 'a list as sub', code: 'ERR_CREDENTIAL_SUBJECT', token: ({ claims }) => claims({ sub: [SUBJECT] }) },
  {
    name: 'a wimse sub',
    code: 'ERR_CREDENTIAL_SUBJECT',
    token: ({ claims }) => claims({ sub: 'wimse://example.org/orders' }),
  },

  {
    name: 'an unknown trust domain',
    code: 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN',
    token: ({ claims }) => claims({ sub: 'spiffe://other.example/orders' }),
  },
  { name: 'an unknown kid', code: 'ERR_CREDENTIAL_KEY_UNKNOWN', token: ({ header }) => header({ kid: 'other' }) },
  {
    name: 'a key that is trusted for WITs only',
    code: 'ERR_CREDENTIAL_KEY_UNKNOWN',
    token: good,
    trust: ({ issuer }) => ({ witKeys: [issuer.jwtKey.publicJwk] }),
  },
  { name: 'a bundle without keys', code: 'ERR_CREDENTIAL_KEY_UNKNOWN', token: good, trust: () => ({}) },
  {
    name: 'no kid where two keys could be meant',
    code: 'ERR_CREDENTIAL_KEY_AMBIGUOUS',
    token: ({ header }) => header({ kid: undefined }),
    trust: ({ issuer, alg }) => ({ jwtKeys: [issuer.jwtKey.publicJwk, alg === 'ES256' ? secondEs256 : secondPs256] }),
  },

  {
    name: 'a changed claim under the old signature',
    code: 'ERR_CREDENTIAL_SIGNATURE',
    token: ({ token }) => mutateToken(token, { claims: { sub: 'spiffe://example.org/admin' } }),
  },
  {
    name: 'a signature of another key',
    code: 'ERR_CREDENTIAL_SIGNATURE',
    token: good,
    trust: ({ alg }) => ({ jwtKeys: [{ ...(alg === 'ES256' ? secondEs256 : secondPs256), kid: 'jwt-1' }] }),
  },
  {
    name: 'a signature that is cut short',
    code: 'ERR_CREDENTIAL_SIGNATURE',
    token: ({ token }) => `${token.slice(0, token.lastIndexOf('.'))}.${encodeBase64url(new Uint8Array(63))}`,
  },

  { name: 'no exp', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ claims }) => claims({ exp: undefined }) },
  { name: 'exp as text', code: 'ERR_CREDENTIAL_MALFORMED', token: ({ claims }) => claims({ exp: `${NOW + 60}` }) },
  { name: 'a past exp', code: 'ERR_CREDENTIAL_EXPIRED', token: ({ claims }) => claims({ exp: NOW - SKEW }) },
  {
    name: 'a future nbf',
    code: 'ERR_CREDENTIAL_NOT_YET_VALID',
    token: ({ claims }) => claims({ nbf: NOW + SKEW + 1 }),
  },
  { name: 'a long life', code: 'ERR_CREDENTIAL_LIFETIME', token: good, options: { maxLifetimeSeconds: 269 } },

  { name: 'no aud', code: 'ERR_CREDENTIAL_AUDIENCE', token: ({ claims }) => claims({ aud: undefined }) },
  { name: 'an empty list as aud', code: 'ERR_CREDENTIAL_AUDIENCE', token: ({ claims }) => claims({ aud: [] }) },
  { name: 'another aud', code: 'ERR_CREDENTIAL_AUDIENCE', token: good, audience: 'spiffe://example.org/other' },
  {
    name: 'an aud that only begins alike',
    code: 'ERR_CREDENTIAL_AUDIENCE',
    token: good,
    audience: 'spiffe://example.org/d',
  },
  { name: 'a longer aud', code: 'ERR_CREDENTIAL_AUDIENCE', token: ({ claims }) => claims({ aud: `${AUDIENCE}2` }) },
  {
    name: 'a list with the right aud and a number',
    code: 'ERR_CREDENTIAL_AUDIENCE',
    token: ({ claims }) => claims({ aud: [AUDIENCE, 1] }),
  },
  {
    name: 'an object as aud',
    code: 'ERR_CREDENTIAL_AUDIENCE',
    token: ({ claims }) => claims({ aud: { name: AUDIENCE } }),
  },
]

describe.each([
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
])('JwtSvidVerifier on a %s backend', (_, crypto) => {
  describe.each(['ES256', 'PS256'] as const)('%s', (alg) => {
    const fixture = fixtures[alg]
    const verifierWith = (options: TimePolicy = {}, material?: TrustMaterial) => {
      const trust = new TrustStore(crypto)
      trust.set(fixture.issuer.origin, material ?? fixture.issuer.material())
      return new JwtSvidVerifier({ trust, ...options })
    }

    it('returns what a good token says', async () => {
      const verified = await verifierWith().verify(fixture.token, AUDIENCE, NOW)
      expect(verified).toMatchObject({
        audience: [AUDIENCE],
        expiresAt: NOW + 300,
        claims: { sub: SUBJECT, iat: NOW },
      })
      expect(verified.subject.toString()).toBe(SUBJECT)
    })

    it('accepts what is optional', async () => {
      const verifier = verifierWith({ maxLifetimeSeconds: 300 })
      for (const token of [
        fixture.header({ typ: undefined }),
        fixture.header({ typ: 'JOSE' }),
        fixture.header({ kid: undefined }),
        fixture.claims({ aud: AUDIENCE }),
        fixture.claims({ aud: ['x', AUDIENCE], iss: 'https://any.example', jti: 'x', nbf: NOW + SKEW }),
        fixture.claims({ iat: undefined, exp: NOW - SKEW + 1 }),
      ]) {
        expect((await verifier.verify(token, AUDIENCE, NOW)).subject.toString()).toBe(SUBJECT)
      }
    })

    it('accepts a token more than once: it is a bearer token', async () => {
      const verifier = verifierWith()
      await verifier.verify(fixture.token, AUDIENCE, NOW)
      expect((await verifier.verify(fixture.token, AUDIENCE, NOW)).expiresAt).toBe(NOW + 300)
    })

    it.each(REFUSALS)('refuses $name', async ({ token, code, options, trust, audience }) => {
      const verifier = verifierWith(options, trust?.(fixture))
      const shown = token(fixture)
      const error = await expectCode(() => verifier.verify(shown, audience ?? AUDIENCE, NOW), code)
      expect(error.name).toBe('CredentialError')
      expect(`${error.message} ${error.detail}`).not.toContain(shown)
    })
  })

  it('lets the keys of a trust domain vouch for that trust domain only', async () => {
    const home = new FakeIssuer({ origin: 'spiffe://home.example' })
    const partner = new FakeIssuer({ origin: 'spiffe://partner.example' })
    const trust = new TrustStore(crypto)
    for (const issuer of [home, partner]) trust.set(issuer.origin, issuer.material())
    const verifier = new JwtSvidVerifier({ trust })
    const token = home.jwtSvid('/a', ['db'], NOW)
    expect((await verifier.verify(token, 'db', NOW)).subject.trustDomain).toBe('home.example')
    const forged = mutateToken(token, { claims: { sub: 'spiffe://partner.example/a' }, key: home.jwtKey })
    await expectCode(() => verifier.verify(forged, 'db', NOW), 'ERR_CREDENTIAL_SIGNATURE')
  })

  it('refuses a WIT shown as a JWT-SVID, even one signed with a trusted JWT key', async () => {
    const key = generateSigningKey('ES256', { kid: 'one-for-both' })
    const issuer = new FakeIssuer({ witKey: key, jwtKey: key })
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    const wit = mutateToken(issuer.workload('/orders').wit(NOW), { claims: { aud: ['db'] }, key })
    await expectCode(() => new JwtSvidVerifier({ trust }).verify(wit, 'db', NOW), 'ERR_CREDENTIAL_TYPE')
  })

  it('tells the log what was wrong, and cuts what it quotes', async () => {
    const { header, token, issuer } = fixtures.ES256
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    const verifier = new JwtSvidVerifier({ trust })
    const long = 'x'.repeat(1000)
    const detailOf = async (shown: string, code: string, now = NOW) =>
      (await expectCode(() => verifier.verify(shown, AUDIENCE, now), code)).detail
    expect(await detailOf(header({ typ: long }), 'ERR_CREDENTIAL_TYPE')).toBe(`typ ${long.slice(0, 64)}`)
    expect(await detailOf(header({ [long]: 1 }), 'ERR_CREDENTIAL_HEADER')).toBe(long.slice(0, 64))
    expect(await detailOf(header({ kid: long }), 'ERR_CREDENTIAL_KEY_UNKNOWN')).toBe(
      `spiffe://example.org, kid "${long.slice(0, 64)}", alg ES256`,
    )
    const forged = mutateToken(token, { claims: { jti: 'x' } })
    expect(await detailOf(forged, 'ERR_CREDENTIAL_SIGNATURE')).toBe('spiffe://example.org')
    expect(await detailOf(token, 'ERR_CREDENTIAL_EXPIRED', NOW + 400)).toBe(`exp ${NOW + 300}, now ${NOW + 400}`)
  })

  it('believes a token no longer once its key is withdrawn', async () => {
    const { issuer, token } = fixtures.ES256
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    const verifier = new JwtSvidVerifier({ trust })
    await verifier.verify(token, AUDIENCE, NOW)
    trust.set(issuer.origin, {})
    await expectCode(() => verifier.verify(token, AUDIENCE, NOW), 'ERR_CREDENTIAL_KEY_UNKNOWN')
    trust.delete(issuer.origin)
    await expectCode(() => verifier.verify(token, AUDIENCE, NOW), 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN')
  })
})
