import { createHmac } from 'node:crypto'
import { decodeToken, encodeToken, expectCode, mutateToken, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustedKeys } from '../bundle/trusted-keys.ts'
import { encodeBase64url } from '../encoding/base64url.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { TxnTokenVerifier, type TxnTokenVerifierOptions } from './txn-token-verifier.ts'

const NOW = 1_800_000_000
const SKEW = 30
const TRUST_DOMAIN = 'example.org'
const key = generateSigningKey('ES256', { kid: 'tts-1' })
const second = generateSigningKey('ES256', { kid: 'tts-2' })
const CLAIMS = {
  iat: NOW,
  exp: NOW + 120,
  aud: TRUST_DOMAIN,
  txn: '97053963',
  sub: 'alice',
  scope: 'orders.read orders.write',
  req_wl: 'gateway.example.org',
  tctx: { sku: '1', nested: { a: [1] } },
  rctx: { req_ip: '192.0.2.1' },
}
const TOKEN = encodeToken({ alg: 'ES256', typ: 'txntoken+jwt', kid: 'tts-1' }, CLAIMS, key)
const claims = (change: Record<string, unknown>) => mutateToken(TOKEN, { claims: change, key })
const header = (change: Record<string, unknown>) => mutateToken(TOKEN, { header: change, key })

interface Refusal {
  readonly name: string
  readonly code: string
  readonly token: string
  readonly keys?: readonly PublicJwk[]
  readonly options?: Partial<TxnTokenVerifierOptions>
}

const missing = (['iat', 'exp', 'txn', 'scope', 'req_wl'] as const).map((name) => ({
  name: `no ${name}`,
  code: 'ERR_CREDENTIAL_MALFORMED',
  token: claims({ [name]: undefined }),
}))
const typed = (['iat', 'exp', 'nbf', 'txn', 'scope', 'req_wl', 'tctx', 'rctx'] as const).flatMap((name) =>
  [true, null, ['a'], ''].map((value) => ({
    name: `${name} of ${JSON.stringify(value)}`,
    code: 'ERR_CREDENTIAL_MALFORMED',
    token: claims({ [name]: value }),
  })),
)

const REFUSALS: readonly Refusal[] = [
  ...missing,
  ...typed,
  { name: 'two parts', code: 'ERR_CREDENTIAL_MALFORMED', token: TOKEN.slice(0, TOKEN.lastIndexOf('.')) },
  { name: 'two tokens', code: 'ERR_CREDENTIAL_MALFORMED', token: `${TOKEN}, ${TOKEN}` },
  { name: 'an empty text', code: 'ERR_CREDENTIAL_MALFORMED', token: '' },
  {
    name: 'a claim twice',
    code: 'ERR_CREDENTIAL_MALFORMED',
    token: encodeToken(decodeToken(TOKEN).header, JSON.stringify(CLAIMS).replace('{', '{"scope":"all",'), key),
  },
  { name: 'too many bytes', code: 'ERR_CREDENTIAL_TOO_LARGE', token: claims({ a: 'x'.repeat(16_384) }) },
  { name: 'crit', code: 'ERR_CREDENTIAL_MALFORMED', token: header({ crit: ['exp'] }) },
  { name: 'no typ', code: 'ERR_CREDENTIAL_TYPE', token: header({ typ: undefined }) },
  { name: 'the typ of any JWT', code: 'ERR_CREDENTIAL_TYPE', token: header({ typ: 'JWT' }) },
  { name: 'the typ of a WIT', code: 'ERR_CREDENTIAL_TYPE', token: header({ typ: 'wit+jwt' }) },
  { name: 'the typ of an access token', code: 'ERR_CREDENTIAL_TYPE', token: header({ typ: 'at+jwt' }) },
  { name: 'alg none', code: 'ERR_CREDENTIAL_ALGORITHM', token: mutateToken(TOKEN, { header: { alg: 'none' } }) },
  { name: 'an HMAC keyed with the public key', code: 'ERR_CREDENTIAL_ALGORITHM', token: hmacToken() },
  {
    name: 'an algorithm that is not allowed here',
    code: 'ERR_CREDENTIAL_ALGORITHM',
    token: TOKEN,
    options: { algorithms: ['PS256', 'EdDSA'] },
  },
  {
    name: 'an algorithm that its key does not have',
    code: 'ERR_CREDENTIAL_KEY_UNKNOWN',
    token: header({ alg: 'ES384' }),
  },
  { name: 'an unknown kid', code: 'ERR_CREDENTIAL_KEY_UNKNOWN', token: header({ kid: 'other' }) },
  { name: 'a service without keys', code: 'ERR_CREDENTIAL_KEY_UNKNOWN', token: TOKEN, keys: [] },
  {
    name: 'no kid where two keys could be meant',
    code: 'ERR_CREDENTIAL_KEY_AMBIGUOUS',
    token: header({ kid: undefined }),
    keys: [key.publicJwk, second.publicJwk],
  },
  {
    name: 'no kid where one is required',
    code: 'ERR_CREDENTIAL_HEADER',
    token: header({ kid: undefined }),
    options: { requireKeyId: true },
  },
  {
    name: 'a trust domain without a service',
    code: 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN',
    token: TOKEN,
    options: { keys: () => undefined },
  },
  {
    name: 'a changed claim under the old signature',
    code: 'ERR_CREDENTIAL_SIGNATURE',
    token: mutateToken(TOKEN, { claims: { scope: 'all' } }),
  },
  {
    name: 'a signature of another key',
    code: 'ERR_CREDENTIAL_SIGNATURE',
    token: TOKEN,
    keys: [{ ...second.publicJwk, kid: 'tts-1' }],
  },
  {
    name: 'a key of its own in the header',
    code: 'ERR_CREDENTIAL_SIGNATURE',
    token: mutateToken(TOKEN, { header: { jwk: second.publicJwk }, key: second }),
  },
  {
    name: 'a signature that is cut short',
    code: 'ERR_CREDENTIAL_SIGNATURE',
    token: `${TOKEN.slice(0, TOKEN.lastIndexOf('.'))}.${encodeBase64url(new Uint8Array(63))}`,
  },
  { name: 'a past exp', code: 'ERR_CREDENTIAL_EXPIRED', token: claims({ exp: NOW - SKEW }) },
  {
    name: 'a past exp where no skew is granted',
    code: 'ERR_CREDENTIAL_EXPIRED',
    token: claims({ exp: NOW }),
    options: { clockSkewSeconds: 0 },
  },
  { name: 'a future nbf', code: 'ERR_CREDENTIAL_NOT_YET_VALID', token: claims({ nbf: NOW + SKEW + 1 }) },
  {
    name: 'a future iat where that matters',
    code: 'ERR_CREDENTIAL_ISSUED_IN_FUTURE',
    token: claims({ iat: NOW + SKEW + 1 }),
    options: { rejectFutureIssuedAt: true },
  },
  { name: 'a long life', code: 'ERR_CREDENTIAL_LIFETIME', token: TOKEN, options: { maxLifetimeSeconds: 89 } },
  {
    name: 'an old token',
    code: 'ERR_CREDENTIAL_TOO_OLD',
    token: claims({ iat: NOW - SKEW - 61 }),
    options: { maxAgeSeconds: 60 },
  },
  { name: 'no aud', code: 'ERR_CREDENTIAL_AUDIENCE', token: claims({ aud: undefined }) },
  { name: 'the aud of another domain', code: 'ERR_CREDENTIAL_AUDIENCE', token: claims({ aud: 'other.example' }) },
  { name: 'an aud below the domain', code: 'ERR_CREDENTIAL_AUDIENCE', token: claims({ aud: 'a.example.org' }) },
  { name: 'an aud that is an origin', code: 'ERR_CREDENTIAL_AUDIENCE', token: claims({ aud: 'spiffe://example.org' }) },
  { name: 'an aud in upper case', code: 'ERR_CREDENTIAL_AUDIENCE', token: claims({ aud: 'EXAMPLE.ORG' }) },
  { name: 'an empty list as aud', code: 'ERR_CREDENTIAL_AUDIENCE', token: claims({ aud: [] }) },
  {
    name: 'a list with the right aud and a number',
    code: 'ERR_CREDENTIAL_AUDIENCE',
    token: claims({ aud: [TRUST_DOMAIN, 1] }),
  },
  { name: 'no sub', code: 'ERR_CREDENTIAL_SUBJECT', token: claims({ sub: undefined }) },
  { name: 'an empty sub', code: 'ERR_CREDENTIAL_SUBJECT', token: claims({ sub: '' }) },
  { name: 'an object as sub', code: 'ERR_CREDENTIAL_SUBJECT', token: claims({ sub: { id: 'alice' } }) },
  { name: 'an object as iss', code: 'ERR_CREDENTIAL_ISSUER', token: claims({ iss: {} }) },
  { name: 'a scope with two spaces', code: 'ERR_CREDENTIAL_MALFORMED', token: claims({ scope: 'a  b' }) },
  { name: 'a scope with a line break', code: 'ERR_CREDENTIAL_MALFORMED', token: claims({ scope: 'a\nb' }) },
]

function hmacToken(): string {
  const unsigned = mutateToken(TOKEN, { header: { alg: 'HS256' } })
  const input = unsigned.slice(0, unsigned.lastIndexOf('.'))
  return `${input}.${createHmac('sha256', nodeCrypto.exportSpki(key.publicJwk)).update(input).digest('base64url')}`
}

describe.each([
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
])('TxnTokenVerifier on a %s backend', (_, crypto) => {
  const verifierWith = (
    options: Partial<TxnTokenVerifierOptions> = {},
    jwks = [key.publicJwk] as readonly PublicJwk[],
  ) => {
    const trusted = new TrustedKeys(jwks, crypto)
    return new TxnTokenVerifier({ trustDomain: TRUST_DOMAIN, keys: () => trusted, ...options })
  }

  it('returns what a good token says', async () => {
    expect(await verifierWith().verify(TOKEN, NOW)).toEqual({
      transactionId: '97053963',
      subject: 'alice',
      scopes: ['orders.read', 'orders.write'],
      requestingWorkload: 'gateway.example.org',
      transactionContext: CLAIMS.tctx,
      requestContext: CLAIMS.rctx,
      issuedAt: NOW,
      expiresAt: NOW + 120,
      claims: CLAIMS,
    })
  })

  it.each([
    ['no context', claims({ tctx: undefined, rctx: undefined })],
    ['empty contexts', claims({ tctx: {}, rctx: {} })],
    ['a typ with prefix and in upper case', header({ typ: 'application/TxnToken+JWT' })],
    ['no kid and one key', header({ kid: undefined })],
    ['an issuer, a start and a claim that nobody knows', claims({ iss: 'https://tts.example', nbf: NOW, azd: 1 })],
    ['its audience in a list', claims({ aud: [TRUST_DOMAIN] })],
    ['a future iat, which is for audit', claims({ iat: NOW + 60 })],
    ['an exp that only the skew saves', claims({ exp: NOW - SKEW + 1 })],
    ['a workload as subject', claims({ sub: 'spiffe://example.org/cron' })],
  ])('accepts a token with %s', async (_name, token) => {
    expect((await verifierWith().verify(token, NOW)).transactionId).toBe('97053963')
  })

  it('accepts a token that names its key where that is required', async () => {
    expect((await verifierWith({ requireKeyId: true }).verify(TOKEN, NOW)).transactionId).toBe(CLAIMS.txn)
  })

  it('accepts each of several keys', async () => {
    const verifier = verifierWith({}, [second.publicJwk, key.publicJwk])
    const bySecond = mutateToken(TOKEN, { header: { kid: 'tts-2' }, key: second })
    for (const token of [TOKEN, bySecond]) expect((await verifier.verify(token, NOW)).subject).toBe('alice')
  })

  it.each(['PS256', 'EdDSA', 'ES512'] as const)('verifies signatures of %s', async (alg) => {
    const other = generateSigningKey(alg, { kid: 'tts-1' })
    const verifier = verifierWith({}, [other.publicJwk])
    const token = mutateToken(TOKEN, { header: { alg }, key: other })
    expect((await verifier.verify(token, NOW)).subject).toBe('alice')
    await expectCode(
      () => verifier.verify(mutateToken(token, { claims: { sub: 'eve' } }), NOW),
      'ERR_CREDENTIAL_SIGNATURE',
    )
  })

  it.each(REFUSALS)('refuses $name', async ({ token, code, keys, options }) => {
    const verifier = verifierWith(options, keys)
    const error = await expectCode(() => verifier.verify(token, NOW), code)
    expect(error.name).toBe('CredentialError')
    if (token !== '') expect(`${error.message} ${error.detail}`).not.toContain(token)
  })

  it('believes nothing at a time that is no number', async () => {
    await expectCode(() => verifierWith().verify(TOKEN, Number.NaN), 'ERR_CREDENTIAL_EXPIRED')
  })

  it('asks for the keys of its own trust domain, for each token', async () => {
    let trusted = new TrustedKeys([key.publicJwk], crypto)
    const asked: string[] = []
    const verifier = verifierWith({
      keys: (trustDomain) => {
        asked.push(trustDomain)
        return trusted
      },
    })
    await verifier.verify(TOKEN, NOW)
    trusted = new TrustedKeys([second.publicJwk], crypto)
    await expectCode(() => verifier.verify(TOKEN, NOW), 'ERR_CREDENTIAL_KEY_UNKNOWN')
    expect(asked).toEqual([TRUST_DOMAIN, TRUST_DOMAIN])
  })
})

describe('TxnTokenVerifier', () => {
  it('needs the name of its trust domain', () => {
    expect(() => new TxnTokenVerifier({ trustDomain: '', keys: () => undefined })).toThrow(TypeError)
  })
})
