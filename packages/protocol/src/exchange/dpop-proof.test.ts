import { decodeToken, encodeToken, expectCode, mutateToken } from '@countersign/testing'
import { EmbeddedJWK, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { NAMES, NOW } from '../test-support/exchange-fixtures.ts'
import { InProcessReplayMemory, type ReplayMemory } from '../verification/replay-memory.ts'
import { DpopProofBuilder, type DpopProofContent } from './dpop-proof-builder.ts'
import { type DpopContext, DpopProofVerifier, type DpopVerifierOptions } from './dpop-proof-verifier.ts'

const key = generateSigningKey('ES256')
const builder = new DpopProofBuilder(key, nodeCrypto)
const TARGET = { method: 'POST', url: NAMES.tokenEndpoint, now: NOW }
const TOKEN = 'access.token.value'

const build = (change: Partial<DpopProofContent> = {}) => builder.build({ ...TARGET, ...change }) as string
function verify(proof: string, context: Partial<DpopContext> = {}, options: Partial<DpopVerifierOptions> = {}) {
  const verifier = new DpopProofVerifier({
    crypto: nodeCrypto,
    replayMemory: new InProcessReplayMemory(),
    ...options,
  })
  return verifier.verify(proof, { ...TARGET, ...context })
}
const sign = (change: { header?: object; claims?: object }, signer = key) =>
  mutateToken(build(), { ...(change as object), key: signer })

describe('DpopProofBuilder', () => {
  it('builds what RFC 9449 asks for, with nothing of the key but the key', () => {
    const { header, claims } = decodeToken(build({ url: `${NAMES.tokenEndpoint}?a=1#b` }))
    const { kty, crv, x, y } = key.publicJwk
    expect(header).toEqual({ alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y } })
    expect(claims).toEqual({
      jti: expect.stringMatching(/^[\w-]{22}$/),
      htm: 'POST',
      htu: NAMES.tokenEndpoint,
      iat: NOW,
    })
  })

  it('is read by another implementation', async () => {
    const options = { typ: 'dpop+jwt', currentDate: new Date(NOW * 1000) }
    expect((await jwtVerify(build(), EmbeddedJWK, options)).payload['htm']).toBe('POST')
  })

  it('binds an access token and carries a nonce', () => {
    const { claims } = decodeToken(build({ accessToken: TOKEN, nonce: 'n' }))
    expect(claims).toMatchObject({ ath: nodeCrypto.sha256Base64url(TOKEN), nonce: 'n' })
  })
})

describe('DpopProofVerifier', () => {
  it.each(['ES256', 'EdDSA', 'RS256', 'PS256', 'ES384'] as const)('accepts a proof by %s', async (alg) => {
    const own = new DpopProofBuilder(generateSigningKey(alg), nodeCrypto)
    const { thumbprint } = await verify(own.build(TARGET) as string)
    expect(thumbprint).toBe(await own.thumbprint)
  })

  it.each([['HTTPS://AS.example.org:443/oauth2/token'], [`${NAMES.tokenEndpoint}?x=1`], [`${NAMES.tokenEndpoint}#x`]])(
    'takes %s for the same URL',
    async (htu) => {
      expect(await verify(sign({ claims: { htu } }))).toMatchObject({ id: expect.any(String) })
    },
  )

  it.each([
    ['of another type', { header: { typ: 'JWT' } }, 'ERR_PROOF_TYPE'],
    ['that is a WPT', { header: { typ: 'wpt+jwt' } }, 'ERR_PROOF_TYPE'],
    ['without a key', { header: { jwk: undefined } }, 'ERR_PROOF_KEY'],
    ['with a private key', { header: { jwk: { ...key.publicJwk, d: 'AA' } } }, 'ERR_PROOF_KEY'],
    ['with a symmetric key', { header: { jwk: { kty: 'oct', k: 'AA' } } }, 'ERR_PROOF_KEY'],
    ['with a key off its curve', { header: { jwk: { ...key.publicJwk, y: key.publicJwk.x } } }, 'ERR_PROOF_KEY'],
    ['without signature', { header: { alg: 'none' } }, 'ERR_PROOF_ALGORITHM'],
    ['by an HMAC', { header: { alg: 'HS256' } }, 'ERR_PROOF_ALGORITHM'],
    ['by an algorithm that does not fit the key', { header: { alg: 'RS256' } }, 'ERR_PROOF_ALGORITHM'],
    [
      'by an algorithm that the key does not name',
      { header: { jwk: { ...key.publicJwk, alg: 'ES384' } } },
      'ERR_PROOF_ALGORITHM',
    ],
    ['for another method', { claims: { htm: 'GET' } }, 'ERR_PROOF_METHOD'],
    ['for the method in other letters', { claims: { htm: 'post' } }, 'ERR_PROOF_METHOD'],
    ['for no method', { claims: { htm: undefined } }, 'ERR_PROOF_METHOD'],
    ['for another URL', { claims: { htu: 'https://as.example.org/oauth2/introspect' } }, 'ERR_PROOF_TARGET'],
    ['for another host', { claims: { htu: 'https://evil.example/oauth2/token' } }, 'ERR_PROOF_TARGET'],
    ['for no URL', { claims: { htu: undefined } }, 'ERR_PROOF_TARGET'],
    ['without a time', { claims: { iat: undefined } }, 'ERR_PROOF_MALFORMED'],
    ['from the future', { claims: { iat: NOW + 31 } }, 'ERR_PROOF_ISSUED_IN_FUTURE'],
    ['that is too old', { claims: { iat: NOW - 90 } }, 'ERR_PROOF_EXPIRED'],
    ['without an id', { claims: { jti: undefined } }, 'ERR_PROOF_ID'],
    ['with an endless id', { claims: { jti: 'x'.repeat(1025) } }, 'ERR_PROOF_ID'],
    ['for a token that did not come', { claims: { ath: 'x' } }, 'ERR_PROOF_ACCESS_TOKEN'],
  ])('refuses one %s', async (_, change, code) => {
    await expectCode(() => verify(sign(change)), code)
  })

  it('refuses one that another key signed', async () => {
    await expectCode(() => verify(sign({}, generateSigningKey('ES256'))), 'ERR_PROOF_SIGNATURE')
  })

  it('refuses what is no token, or too long', async () => {
    await expectCode(() => verify('a.b'), 'ERR_PROOF_MALFORMED')
    await expectCode(() => verify(`${build()},${build()}`), 'ERR_PROOF_MALFORMED')
    await expectCode(() => verify('a'.repeat(16_385)), 'ERR_PROOF_TOO_LARGE')
    await expectCode(() => verify(encodeToken({ alg: 'ES256', typ: 'dpop+jwt' }, 'no', key)), 'ERR_PROOF_MALFORMED')
  })

  it('accepts only the algorithms that are allowed', async () => {
    await expectCode(() => verify(build(), {}, { algorithms: ['RS256'] }), 'ERR_PROOF_ALGORITHM')
  })

  it('asks for a nonce where it gives some alone: there is none to give instead of one that a client has kept', async () => {
    expect(await verify(build({ nonce: 'kept' }))).toMatchObject({ id: expect.any(String) })
  })

  it('asks for a nonce of its own', async () => {
    const acceptsNonce = (nonce: string) => nonce === 'ours'
    expect(await verify(build({ nonce: 'ours' }), { acceptsNonce })).toMatchObject({ id: expect.any(String) })
    await expectCode(() => verify(build(), { acceptsNonce }), 'ERR_PROOF_NONCE')
    await expectCode(() => verify(build({ nonce: 'theirs' }), { acceptsNonce }), 'ERR_PROOF_NONCE')
    await expectCode(() => verify(sign({ claims: { nonce: 1 } }), { acceptsNonce }), 'ERR_PROOF_NONCE')
  })

  it('holds the proof to the access token and to the key that it is bound to', async () => {
    const proof = () => build({ accessToken: TOKEN })
    const boundTo = await builder.thumbprint
    expect(await verify(proof(), { accessToken: TOKEN, boundTo })).toMatchObject({ thumbprint: boundTo })
    await expectCode(() => verify(proof(), { accessToken: 'other', boundTo }), 'ERR_PROOF_ACCESS_TOKEN')
    await expectCode(() => verify(build(), { accessToken: TOKEN, boundTo }), 'ERR_PROOF_ACCESS_TOKEN')
    const elsewhere = { accessToken: TOKEN, boundTo: 'another' }
    await expectCode(() => verify(proof(), elsewhere), 'ERR_PROOF_CREDENTIAL_MISMATCH')
  })

  it('accepts a proof once, and the same id of another key', async () => {
    const replayMemory = new InProcessReplayMemory()
    const proof = build()
    await verify(proof, {}, { replayMemory })
    await expectCode(() => verify(proof, {}, { replayMemory }), 'ERR_PROOF_REPLAYED')
    const other = generateSigningKey('ES256')
    const copied = encodeToken(
      { alg: 'ES256', typ: 'dpop+jwt', jwk: other.publicJwk },
      decodeToken(proof).claims,
      other,
    )
    expect(await verify(copied, {}, { replayMemory })).toMatchObject({ id: decodeToken(proof).claims['jti'] })
  })

  it('leaves the memory alone until a proof is used, of which many may be about to', async () => {
    const replayMemory = new InProcessReplayMemory()
    const verifier = new DpopProofVerifier({ crypto: nodeCrypto, replayMemory })
    const proof = build()
    const [first, second] = [
      await verifier.verifyWithoutUse(proof, TARGET),
      await verifier.verifyWithoutUse(proof, TARGET),
    ]
    expect(replayMemory.size).toBe(0)
    await second.use(NOW)
    expect(replayMemory.size).toBe(1)
    for (const late of [first, second]) await expectCode(() => late.use(NOW), 'ERR_PROOF_REPLAYED')
    await expectCode(() => verifier.verify(proof, TARGET), 'ERR_PROOF_REPLAYED')
  })

  it('holds a proof to its age again when it is used: the memory may have let go of it', async () => {
    const replayMemory = new InProcessReplayMemory()
    const verifier = new DpopProofVerifier({ crypto: nodeCrypto, replayMemory })
    const verified = await verifier.verifyWithoutUse(build(), TARGET)
    for (const now of [NOW + 90, Number.NaN]) await expectCode(() => verified.use(now), 'ERR_PROOF_EXPIRED')
    expect(replayMemory.size).toBe(0)
    await verified.use(NOW + 89)
  })

  it('remembers a proof for as long as it could be accepted', async () => {
    const replayMemory = new InProcessReplayMemory()
    const proof = build()
    await verify(proof, {}, { replayMemory })
    await expectCode(() => verify(proof, { now: NOW + 89 }, { replayMemory }), 'ERR_PROOF_REPLAYED')
    await expectCode(() => verify(proof, { now: NOW + 90 }, { replayMemory }), 'ERR_PROOF_EXPIRED')
  })

  it.each([
    ['full', 'ERR_PROOF_REPLAY_MEMORY_FULL'],
    ['away', 'ERR_PROOF_REPLAY_MEMORY_AWAY'],
    ['forgotten', 'ERR_PROOF_REPLAYED'],
  ] as const)('refuses when the memory is %s', async (answer, code) => {
    const replayMemory: ReplayMemory = { remember: () => answer }
    await expectCode(() => verify(build(), {}, { replayMemory }), code)
  })

  it('tells the memory since when a proof can have been used', async () => {
    const told: unknown[] = []
    const replayMemory: ReplayMemory = {
      remember(...use) {
        told.push(use[4])
        return 'fresh'
      },
    }
    await verify(build(), { now: NOW + 20 }, { replayMemory })
    expect(told).toEqual([NOW - 30])
  })
})
