import { createHash } from 'node:crypto'
import { decodeToken, encodeToken, expectCode, FakeIssuer, mutateToken, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { encodeBase64url } from '../encoding/base64url.ts'
import { AudiencePolicy } from '../http/audience.ts'
import type { CryptoBackend } from '../keys/crypto-backend.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import type { BoundTokens } from '../presentation/build-wpt.ts'
import { InProcessReplayMemory, type ReplayMemory } from './replay-memory.ts'
import { WitVerifier } from './wit-verifier.ts'
import { type ProofContext, WptVerifier, type WptVerifierOptions } from './wpt-verifier.ts'

const NOW = 1_800_000_000
const SKEW = 30
const AUDIENCE = 'https://api.example.org/orders'
const TOKENS = { accessToken: 'access-token', txnToken: 'txn-token', otherTokens: { 'x-token': 'other-token' } }

const BACKENDS: readonly (readonly [string, CryptoBackend])[] = [
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
]
const hash = (text: string) => createHash('sha256').update(text).digest('base64url')

function fixtureOf(alg: 'ES256' | 'EdDSA') {
  const issuer = new FakeIssuer()
  const workload = issuer.workload('/caller', { alg })
  const wit = workload.wit(NOW)
  const proof = workload.proof(wit, { audience: AUDIENCE, now: NOW, ...TOKENS })
  return {
    alg,
    issuer,
    workload,
    wit,
    proof,
    claims: (claims: Record<string, unknown>) => mutateToken(proof, { claims, key: workload.key }),
    header: (header: Record<string, unknown>) => mutateToken(proof, { header, key: workload.key }),
  }
}
type Fixture = ReturnType<typeof fixtureOf>
const fixtures = { ES256: fixtureOf('ES256'), EdDSA: fixtureOf('EdDSA') }

interface Refusal {
  readonly name: string
  readonly code: string
  readonly proof: (fixture: Fixture) => string
  readonly options?: Partial<WptVerifierOptions>
  readonly context?: Partial<ProofContext>
  /** Tokens of the request that are not there, or others. */
  readonly tokens?: BoundTokens
}

const good = ({ proof }: Fixture) => proof

/** Each proof, or the request it comes with, is right in everything but the one thing that its row names. */
const REFUSALS: readonly Refusal[] = [
  // Form.
  { name: 'two parts', code: 'ERR_PROOF_MALFORMED', proof: ({ proof }) => proof.slice(0, proof.lastIndexOf('.')) },
  { name: 'padding', code: 'ERR_PROOF_MALFORMED', proof: ({ proof }) => `${proof}==` },
  { name: 'a scheme in front', code: 'ERR_PROOF_MALFORMED', proof: ({ proof }) => `Bearer ${proof}` },
  { name: 'crit', code: 'ERR_PROOF_MALFORMED', proof: ({ header }) => header({ crit: ['exp'] }) },
  {
    name: 'a claim twice',
    code: 'ERR_PROOF_MALFORMED',
    proof: ({ proof, workload }) => {
      const { header, claims } = decodeToken(proof)
      const text = JSON.stringify(claims).replace('{', '{"aud":"https://other.example/",')
      return encodeToken(header, text, workload.key)
    },
  },
  {
    name: 'a proof above the size limit',
    code: 'ERR_PROOF_TOO_LARGE',
    proof: ({ claims }) => claims({ padding: 'x'.repeat(16_384) }),
  },

  // Type and algorithm.
  { name: 'no typ', code: 'ERR_PROOF_TYPE', proof: ({ header }) => header({ typ: undefined }) },
  { name: 'the typ of a WIT', code: 'ERR_PROOF_TYPE', proof: ({ header }) => header({ typ: 'wit+jwt' }) },
  { name: 'the typ of a DPoP proof', code: 'ERR_PROOF_TYPE', proof: ({ header }) => header({ typ: 'dpop+jwt' }) },
  { name: 'the typ JWT', code: 'ERR_PROOF_TYPE', proof: ({ header }) => header({ typ: 'JWT' }) },
  {
    name: 'alg none',
    code: 'ERR_PROOF_ALGORITHM',
    proof: ({ proof }) => mutateToken(proof, { header: { alg: 'none' } }),
  },
  {
    name: 'an HMAC',
    code: 'ERR_PROOF_ALGORITHM',
    proof: ({ proof }) => mutateToken(proof, { header: { alg: 'HS256' } }),
  },
  {
    name: 'an algorithm that is not the one the WIT names',
    code: 'ERR_PROOF_ALGORITHM',
    proof: ({ header, alg }) => header({ alg: alg === 'ES256' ? 'ES384' : 'Ed25519' }),
  },
  {
    name: 'the algorithm in another case',
    code: 'ERR_PROOF_ALGORITHM',
    proof: ({ header, alg }) => header({ alg: alg.toLowerCase() }),
  },

  // Signature.
  {
    name: 'the signature of another key, which the header offers itself',
    code: 'ERR_PROOF_SIGNATURE',
    proof: ({ proof, alg }) => {
      const key = generateSigningKey(alg)
      return mutateToken(proof, { header: { jwk: key.publicJwk }, key })
    },
  },
  {
    name: 'a changed claim under the old signature',
    code: 'ERR_PROOF_SIGNATURE',
    proof: ({ proof }) => mutateToken(proof, { claims: { jti: 'another' } }),
  },
  {
    name: 'a signature that is cut short',
    code: 'ERR_PROOF_SIGNATURE',
    proof: ({ proof }) => `${proof.slice(0, proof.lastIndexOf('.'))}.${encodeBase64url(new Uint8Array(63))}`,
  },

  // Audience.
  { name: 'no aud', code: 'ERR_PROOF_AUDIENCE', proof: ({ claims }) => claims({ aud: undefined }) },
  { name: 'an empty list as aud', code: 'ERR_PROOF_AUDIENCE', proof: ({ claims }) => claims({ aud: [] }) },
  { name: 'a number as aud', code: 'ERR_PROOF_AUDIENCE', proof: ({ claims }) => claims({ aud: 1 }) },
  { name: 'an object as aud', code: 'ERR_PROOF_AUDIENCE', proof: ({ claims }) => claims({ aud: { url: AUDIENCE } }) },
  {
    name: 'a list with the right aud and a number',
    code: 'ERR_PROOF_AUDIENCE',
    proof: ({ claims }) => claims({ aud: [AUDIENCE, 1] }),
  },
  {
    name: 'another host',
    code: 'ERR_PROOF_AUDIENCE',
    proof: ({ claims }) => claims({ aud: 'https://evil.example/orders' }),
  },
  { name: 'another path', code: 'ERR_PROOF_AUDIENCE', proof: ({ claims }) => claims({ aud: `${AUDIENCE}/1` }) },
  { name: 'the same proof at another path', code: 'ERR_PROOF_AUDIENCE', proof: good, context: { target: '/admin' } },
  {
    name: 'an authority that only the request names',
    code: 'ERR_PROOF_AUDIENCE',
    proof: ({ claims }) => claims({ aud: 'https://evil.example/orders' }),
    context: { target: 'https://evil.example/orders' },
  },

  // Times.
  { name: 'no exp', code: 'ERR_PROOF_MALFORMED', proof: ({ claims }) => claims({ exp: undefined }) },
  { name: 'exp as text', code: 'ERR_PROOF_MALFORMED', proof: ({ claims }) => claims({ exp: `${NOW + 60}` }) },
  {
    name: 'an exp beyond all numbers',
    code: 'ERR_PROOF_MALFORMED',
    proof: ({ proof, workload }) => {
      const { header, claims } = decodeToken(proof)
      return encodeToken(header, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e999'), workload.key)
    },
  },
  { name: 'a past exp', code: 'ERR_PROOF_EXPIRED', proof: ({ claims }) => claims({ exp: NOW - SKEW }) },
  { name: 'a far exp', code: 'ERR_PROOF_LIFETIME', proof: ({ claims }) => claims({ exp: NOW + 300 + SKEW + 1 }) },
  {
    name: 'an exp above the configured limit',
    code: 'ERR_PROOF_LIFETIME',
    proof: good,
    options: { maxLifetimeSeconds: 29 },
  },
  { name: 'a future nbf', code: 'ERR_PROOF_NOT_YET_VALID', proof: ({ claims }) => claims({ nbf: NOW + SKEW + 1 }) },
  { name: 'nbf as text', code: 'ERR_PROOF_NOT_YET_VALID', proof: ({ claims }) => claims({ nbf: `${NOW - 60}` }) },

  // The WIT it goes with.
  { name: 'no wth', code: 'ERR_PROOF_CREDENTIAL_MISMATCH', proof: ({ claims }) => claims({ wth: undefined }) },
  {
    name: 'the wth of another WIT of the same key',
    code: 'ERR_PROOF_CREDENTIAL_MISMATCH',
    proof: ({ claims, workload }) => claims({ wth: hash(workload.wit(NOW, 1800)) }),
  },
  {
    name: 'a padded wth',
    code: 'ERR_PROOF_CREDENTIAL_MISMATCH',
    proof: ({ claims, wit }) => claims({ wth: `${hash(wit)}=` }),
  },
  {
    name: 'a wth in a list',
    code: 'ERR_PROOF_CREDENTIAL_MISMATCH',
    proof: ({ claims, wit }) => claims({ wth: [hash(wit)] }),
  },

  // Its own name.
  { name: 'no jti', code: 'ERR_PROOF_ID', proof: ({ claims }) => claims({ jti: undefined }) },
  { name: 'an empty jti', code: 'ERR_PROOF_ID', proof: ({ claims }) => claims({ jti: '' }) },
  { name: 'a number as jti', code: 'ERR_PROOF_ID', proof: ({ claims }) => claims({ jti: 1 }) },
  { name: 'an endless jti', code: 'ERR_PROOF_ID', proof: ({ claims }) => claims({ jti: 'x'.repeat(1025) }) },

  // The tokens it covers, in both directions.
  {
    name: 'an access token that is not covered',
    code: 'ERR_PROOF_ACCESS_TOKEN',
    proof: ({ claims }) => claims({ ath: undefined }),
  },
  {
    name: 'another access token',
    code: 'ERR_PROOF_ACCESS_TOKEN',
    proof: good,
    tokens: { ...TOKENS, accessToken: 'other' },
  },
  {
    name: 'a covered access token that did not come',
    code: 'ERR_PROOF_ACCESS_TOKEN',
    proof: good,
    tokens: { txnToken: TOKENS.txnToken, otherTokens: TOKENS.otherTokens },
  },
  {
    name: 'an ath of null without an access token',
    code: 'ERR_PROOF_ACCESS_TOKEN',
    proof: ({ claims }) => claims({ ath: null }),
    tokens: { txnToken: TOKENS.txnToken, otherTokens: TOKENS.otherTokens },
  },
  {
    name: 'a padded ath',
    code: 'ERR_PROOF_ACCESS_TOKEN',
    proof: ({ claims }) => claims({ ath: `${hash('access-token')}=` }),
  },
  {
    name: 'a transaction token that is not covered',
    code: 'ERR_PROOF_TXN_TOKEN',
    proof: ({ claims }) => claims({ tth: undefined }),
  },
  {
    name: 'another transaction token',
    code: 'ERR_PROOF_TXN_TOKEN',
    proof: good,
    tokens: { ...TOKENS, txnToken: 'other' },
  },
  {
    name: 'a covered transaction token that did not come',
    code: 'ERR_PROOF_TXN_TOKEN',
    proof: good,
    tokens: { accessToken: TOKENS.accessToken, otherTokens: TOKENS.otherTokens },
  },
  {
    name: 'a further token that is not covered',
    code: 'ERR_PROOF_OTHER_TOKEN',
    proof: ({ claims }) => claims({ oth: undefined }),
  },
  {
    name: 'a further token left out of oth',
    code: 'ERR_PROOF_OTHER_TOKEN',
    proof: ({ claims }) => claims({ oth: {} }),
  },
  {
    name: 'another further token',
    code: 'ERR_PROOF_OTHER_TOKEN',
    proof: good,
    tokens: { ...TOKENS, otherTokens: { 'x-token': 'changed' } },
  },
  {
    name: 'a covered further token that did not come',
    code: 'ERR_PROOF_OTHER_TOKEN',
    proof: good,
    tokens: { accessToken: TOKENS.accessToken, txnToken: TOKENS.txnToken },
  },
  {
    name: 'an entry of oth that nobody here understands',
    code: 'ERR_PROOF_OTHER_TOKEN',
    proof: ({ claims }) => claims({ oth: { 'x-token': hash('other-token'), 'x-unknown': hash('a') } }),
  },
  {
    name: 'an entry of oth in upper case',
    code: 'ERR_PROOF_OTHER_TOKEN',
    proof: ({ claims }) => claims({ oth: { 'X-Token': hash('other-token') } }),
  },
  {
    name: 'a hash in oth that is no text',
    code: 'ERR_PROOF_OTHER_TOKEN',
    proof: ({ claims }) => claims({ oth: { 'x-token': [hash('other-token')] } }),
  },
  {
    name: 'an entry of oth called like a member every object has',
    code: 'ERR_PROOF_OTHER_TOKEN',
    proof: ({ claims }) => claims({ oth: { 'x-token': hash('other-token'), constructor: hash('a') } }),
  },
  { name: 'oth as text', code: 'ERR_PROOF_OTHER_TOKEN', proof: ({ claims }) => claims({ oth: hash('other-token') }) },
  {
    name: 'oth as a list',
    code: 'ERR_PROOF_OTHER_TOKEN',
    proof: ({ claims }) => claims({ oth: [] }),
    tokens: { ...TOKENS, otherTokens: {} },
  },
  {
    name: 'an oth of null',
    code: 'ERR_PROOF_OTHER_TOKEN',
    proof: ({ claims }) => claims({ oth: null }),
    tokens: { ...TOKENS, otherTokens: {} },
  },
]

describe.each(BACKENDS)('WptVerifier on a %s backend', (_, crypto) => {
  const audience = new AudiencePolicy({ baseUrls: ['https://api.example.org'] })

  function verifierWith(options: Partial<WptVerifierOptions> = {}) {
    return new WptVerifier({ crypto, audience, replayMemory: new InProcessReplayMemory(), ...options })
  }

  async function contextOf(fixture: Fixture, tokens: BoundTokens = TOKENS): Promise<ProofContext> {
    const wit = await new WitVerifier({ trust: fixture.issuer.trust, crypto }).verify(fixture.wit, NOW)
    return { wit, target: '/orders?page=2', now: NOW, ...tokens }
  }

  describe.each(['ES256', 'EdDSA'] as const)('%s', (alg) => {
    const fixture = fixtures[alg]

    it('returns what a good proof says', async () => {
      const proof = await verifierWith().verify(fixture.proof, await contextOf(fixture))
      const { claims } = decodeToken(fixture.proof)
      expect(proof).toEqual({ id: claims['jti'], expiresAt: NOW + 60, audience: AUDIENCE })
    })

    it.each([
      ['an audience in a list', { aud: ['https://other.example/', AUDIENCE] }],
      ['an audience with query and fragment', { aud: `${AUDIENCE}?page=1#top` }],
      ['an audience with default port and upper case host', { aud: 'https://API.example.org:443/orders' }],
      ['claims it does not know', { iss: 'x', sub: 'y', iat: NOW, private: {} }],
      ['an nbf within the skew', { nbf: NOW + SKEW }],
      ['an exp within the skew', { exp: NOW - SKEW + 1 }],
      ['an exp at the limit', { exp: NOW + 300 + SKEW }],
      ['a jti of 256 characters', { jti: 'x'.repeat(256) }],
    ])('accepts %s', async (__, claims) => {
      const accepted = await verifierWith().verify(fixture.claims(claims), await contextOf(fixture))
      expect(accepted.expiresAt).toBe('exp' in claims ? claims.exp : NOW + 60)
    })

    it('accepts a proof that covers nothing where nothing came', async () => {
      const bare = fixture.claims({ ath: undefined, tth: undefined, oth: undefined })
      const accepted = await verifierWith().verify(bare, await contextOf(fixture, {}))
      expect(accepted.audience).toBe(AUDIENCE)
    })

    it('hashes further tokens without the spaces around them, and with everything else', async () => {
      const spaced = { ...TOKENS, otherTokens: { 'x-token': '  other-token ' } }
      await verifierWith().verify(fixture.proof, await contextOf(fixture, spaced))
      const tabbed = await contextOf(fixture, { ...TOKENS, otherTokens: { 'x-token': 'other-token\t' } })
      await expectCode(() => verifierWith().verify(fixture.proof, tabbed), 'ERR_PROOF_OTHER_TOKEN')
    })

    it.each(REFUSALS)('refuses $name', async ({ proof, code, options, context, tokens }) => {
      const full = { ...(await contextOf(fixture, tokens)), ...context }
      const shown = proof(fixture)
      const error = await expectCode(() => verifierWith(options).verify(shown, full), code)
      expect(error.name).toBe('ProofError')
      expect(`${error.message} ${error.detail}`).not.toContain(shown)
    })

    it.each(REFUSALS)('does not use up the proof with $name', async ({ proof, code, options, context, tokens }) => {
      const memory = new InProcessReplayMemory()
      const full = { ...(await contextOf(fixture, tokens)), ...context }
      const verifier = verifierWith({ ...options, replayMemory: memory })
      await expectCode(() => verifier.verify(proof(fixture), full), code)
      expect(memory.size).toBe(0)
    })
  })

  it('refuses a proof for the WIT of somebody else', async () => {
    const { issuer, proof } = fixtures.ES256
    const other = issuer.workload('/other')
    const wit = await new WitVerifier({ trust: issuer.trust, crypto }).verify(other.wit(NOW), NOW)
    const context = { wit, target: '/orders', now: NOW, ...TOKENS }
    await expectCode(() => verifierWith().verify(proof, context), 'ERR_PROOF_SIGNATURE')
  })

  it('refuses a request target without a path where the audience needs one', async () => {
    const context = { ...(await contextOf(fixtures.ES256)), target: '*' }
    await expectCode(() => verifierWith().verify(fixtures.ES256.proof, context), 'ERR_REQUEST_TARGET')
  })

  describe('replay', () => {
    const fixture = fixtures.ES256
    const { workload, wit: witToken } = fixture

    it('refuses a proof the second time', async () => {
      const verifier = verifierWith()
      const context = await contextOf(fixture)
      await verifier.verify(fixture.proof, context)
      await expectCode(() => verifier.verify(fixture.proof, context), 'ERR_PROOF_REPLAYED')
      await expectCode(() => verifier.verify(fixture.proof, { ...context, now: NOW + 60 }), 'ERR_PROOF_REPLAYED')
    })

    it('lets one of many proofs shown at once through', async () => {
      const verifier = verifierWith()
      const context = await contextOf(fixture)
      const attempt = async () => verifier.verify(fixture.proof, context)
      const outcomes = await Promise.allSettled(Array.from({ length: 10 }, attempt))
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    })

    it('refuses a proof until it is refused for its age anyway', async () => {
      const verifier = verifierWith()
      const context = await contextOf(fixture)
      await verifier.verify(fixture.proof, context)
      for (let now = NOW; now < NOW + 60 + SKEW; now++) {
        await expectCode(() => verifier.verify(fixture.proof, { ...context, now }), 'ERR_PROOF_REPLAYED')
      }
      await expectCode(() => verifier.verify(fixture.proof, { ...context, now: NOW + 60 + SKEW }), 'ERR_PROOF_EXPIRED')
    })

    it('refuses the same jti under another exp or audience of the same key', async () => {
      const verifier = verifierWith({ audience: new AudiencePolicy({ accepted: [AUDIENCE, 'second'] }) })
      const context = await contextOf(fixture)
      await verifier.verify(fixture.proof, context)
      await expectCode(() => verifier.verify(fixture.claims({ exp: NOW + 200 }), context), 'ERR_PROOF_REPLAYED')
      await expectCode(() => verifier.verify(fixture.claims({ aud: 'second' }), context), 'ERR_PROOF_REPLAYED')
    })

    it('refuses the same jti under a new WIT of the same key', async () => {
      const verifier = verifierWith()
      await verifier.verify(fixture.proof, await contextOf(fixture))
      const renewed = workload.wit(NOW, 1800)
      const context = {
        ...(await contextOf(fixture)),
        wit: await new WitVerifier({ trust: fixture.issuer.trust, crypto }).verify(renewed, NOW),
      }
      await expectCode(() => verifier.verify(fixture.claims({ wth: hash(renewed) }), context), 'ERR_PROOF_REPLAYED')
    })

    it.each(['ES256', 'EdDSA', 'RS256'] as const)('lets two %s keys of one workload use the same jti', async (alg) => {
      const verifier = verifierWith()
      const wits = new WitVerifier({ trust: fixture.issuer.trust, crypto })
      for (const twin of [fixture.issuer.workload('/caller', { alg }), fixture.issuer.workload('/caller', { alg })]) {
        const token = twin.wit(NOW)
        const proof = mutateToken(twin.proof(token, { audience: AUDIENCE, now: NOW }), {
          claims: { jti: 'same' },
          key: twin.key,
        })
        const context = { wit: await wits.verify(token, NOW), target: '/orders', now: NOW }
        expect((await verifier.verify(proof, context)).id).toBe('same')
        await expectCode(() => verifier.verify(proof, context), 'ERR_PROOF_REPLAYED')
      }
    })

    it('lets two identifiers of one key use the same jti', async () => {
      const verifier = verifierWith()
      const wits = new WitVerifier({ trust: fixture.issuer.trust, crypto })
      for (const path of ['/one', '/two']) {
        const twin = fixture.issuer.workload(path, { key: workload.key })
        const token = twin.wit(NOW)
        const proof = mutateToken(twin.proof(token, { audience: AUDIENCE, now: NOW }), {
          claims: { jti: 'same' },
          key: twin.key,
        })
        const context = { wit: await wits.verify(token, NOW), target: '/orders', now: NOW }
        expect((await verifier.verify(proof, context)).id).toBe('same')
      }
    })

    it('refuses everything while the memory is away', async () => {
      const context = await contextOf(fixture)
      for (const remember of [() => 'away' as const, async () => 'away' as const]) {
        const verifier = verifierWith({ replayMemory: { remember } })
        await expectCode(async () => verifier.verify(fixture.proof, context), 'ERR_PROOF_REPLAY_MEMORY_AWAY')
      }
    })

    it('refuses everything new while the memory is full', async () => {
      const verifier = verifierWith({ replayMemory: new InProcessReplayMemory({ capacity: 1 }) })
      const context = await contextOf(fixture)
      await verifier.verify(fixture.proof, context)
      const next = fixture.claims({ jti: 'next' })
      await expectCode(() => verifier.verify(next, context), 'ERR_PROOF_REPLAY_MEMORY_FULL')
      const later = NOW + 60 + SKEW + 16
      const fresh = fixture.claims({ jti: 'next', exp: later + 60 })
      expect((await verifier.verify(fresh, { ...context, now: later })).id).toBe('next')
    })

    it('asks a memory elsewhere, and keeps entries for the skew too', async () => {
      const seen: { key: string; expiresAt: number; now: number; usableFrom: number | undefined }[] = []
      const remote: ReplayMemory = {
        remember: async (key, expiresAt, now, _sender, usableFrom) => {
          seen.push({ key, expiresAt, now, usableFrom })
          return seen.length === 1 ? 'fresh' : 'replayed'
        },
      }
      const verifier = verifierWith({ replayMemory: remote })
      const context = await contextOf(fixture)
      await verifier.verify(fixture.proof, context)
      await expectCode(() => verifier.verify(fixture.proof, context), 'ERR_PROOF_REPLAYED')
      // No proof is accepted that ends more than the longest lifetime, and the skew, from now.
      expect(seen[0]).toMatchObject({ expiresAt: NOW + 60 + SKEW, now: NOW, usableFrom: NOW + 60 - 300 - SKEW })
      expect(seen[0]?.key).not.toContain(witToken)
    })

    it('is not refused where no memory is configured', async () => {
      const verifier = verifierWith({ replayMemory: undefined })
      const context = await contextOf(fixture)
      await verifier.verify(fixture.proof, context)
      expect((await verifier.verify(fixture.proof, context)).audience).toBe(AUDIENCE)
    })
  })

  it('tells the log what was wrong, and cuts what it quotes', async () => {
    const { proof, claims, header } = fixtures.ES256
    const context = await contextOf(fixtures.ES256)
    const long = 'x'.repeat(1000)
    const verifier = verifierWith()
    const detailOf = async (shown: string, code: string) =>
      (await expectCode(() => verifier.verify(shown, context), code)).detail
    expect(await detailOf(header({ typ: long }), 'ERR_PROOF_TYPE')).toBe(`typ ${long.slice(0, 64)}`)
    expect(await detailOf(header({ typ: undefined }), 'ERR_PROOF_TYPE')).toBe('typ absent')
    expect(await detailOf(header({ alg: long }), 'ERR_PROOF_ALGORITHM')).toBe(`alg ${long.slice(0, 32)}`)
    expect(await detailOf(claims({ aud: long }), 'ERR_PROOF_AUDIENCE')).toBe(`aud ${long.slice(0, 200)}`)
    expect(await detailOf(claims({ exp: 5 }), 'ERR_PROOF_EXPIRED')).toBe(`exp 5, now ${NOW}`)
    expect(await detailOf(`${proof}=`, 'ERR_PROOF_MALFORMED')).toMatch(/^(text is not base64url|base64url text)/)
    await verifier.verify(proof, context)
    expect(await detailOf(proof, 'ERR_PROOF_REPLAYED')).toBe('spiffe://example.org/caller')
    const unknown = claims({ oth: { 'x-token': hash('other-token'), [long]: hash('a') } })
    const error = await expectCode(() => verifier.verify(unknown, context), 'ERR_PROOF_OTHER_TOKEN')
    expect(error.message.length).toBeLessThan(200)
  })

  it('takes skew and lifetime from its options', async () => {
    const fixture = fixtures.EdDSA
    const strict = verifierWith({ clockSkewSeconds: 0, maxLifetimeSeconds: 60 })
    const context = await contextOf(fixture)
    expect((await strict.verify(fixture.proof, context)).expiresAt).toBe(NOW + 60)
    await expectCode(() => strict.verify(fixture.claims({ exp: NOW + 61 }), context), 'ERR_PROOF_LIFETIME')
    await expectCode(() => strict.verify(fixture.claims({ exp: NOW }), context), 'ERR_PROOF_EXPIRED')
    await expectCode(() => strict.verify(fixture.claims({ nbf: NOW + 1 }), context), 'ERR_PROOF_NOT_YET_VALID')
  })
})
