import { countingCrypto, expectCode, FakeIssuer, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustStore } from '../bundle/trust-store.ts'
import { AudiencePolicy } from '../http/audience.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { InProcessReplayMemory } from './replay-memory.ts'
import { RequestVerifier } from './request-verifier.ts'
import { WitVerifier } from './wit-verifier.ts'
import { WptVerifier } from './wpt-verifier.ts'

const NOW = 1_800_000_000
const AUDIENCE = 'https://api.example.org/orders'
const WIT = 'Workload-Identity-Token'
const WPT = 'Workload-Proof-Token'

const issuer = new FakeIssuer()
const workload = issuer.workload('/caller')
const wit = workload.wit(NOW)
const prove = (tokens: object = {}) => workload.proof(wit, { audience: AUDIENCE, now: NOW, ...tokens })

describe.each([
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
])('RequestVerifier on a %s backend', (_, backend) => {
  function setUp() {
    const { crypto, calls } = countingCrypto(backend)
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    const memory = new InProcessReplayMemory()
    const verifier = new RequestVerifier({
      wit: new WitVerifier({ trust, crypto }),
      wpt: new WptVerifier({
        crypto,
        audience: new AudiencePolicy({ baseUrls: ['https://api.example.org'] }),
        replayMemory: memory,
      }),
      otherTokenFields: ['X-User-Token'],
    })
    const verify = (...rawHeaders: string[]) => verifier.verify({ target: '/orders?page=1', rawHeaders }, NOW)
    return { verify, calls, memory, verifier }
  }

  it('tells who sent a request and what came with it', async () => {
    const { verify } = setUp()
    const tokens = { accessToken: 'abc', txnToken: 'txn', otherTokens: { 'x-user-token': 'user' } }
    const request = await verify(
      ...['Host', 'evil.example', 'x-forwarded-host', 'evil.example', WIT, wit, WPT, prove(tokens)],
      ...['Authorization', 'Bearer abc', 'Txn-Token', 'txn', 'X-User-Token', ' user '],
    )
    expect(request.subject.toString()).toBe('spiffe://example.org/caller')
    expect(request.wit.subject).toBe(request.subject)
    expect(request).toMatchObject({ accessToken: 'abc', txnToken: 'txn', proof: { audience: AUDIENCE } })
  })

  it('needs no tokens besides, and takes field names in any case', async () => {
    const { verify } = setUp()
    const request = await verify(WIT.toUpperCase(), wit, WPT.toLowerCase(), prove())
    expect(request).toMatchObject({ accessToken: undefined, txnToken: undefined })
  })

  it('does not mind an Authorization field of another scheme, or fields it was not told to read', async () => {
    const { verify } = setUp()
    const request = await verify(WIT, wit, WPT, prove(), 'Authorization', 'Basic YTpi', 'X-Other', '1', 'X-Other', '2')
    expect(request.accessToken).toBe(undefined)
  })

  it.each([
    ['no WIT', 'ERR_CREDENTIAL_MISSING', [WPT, prove()]],
    ['two WITs', 'ERR_CREDENTIAL_MULTIPLE', [WIT, wit, WPT, prove(), WIT, wit]],
    [
      'two WITs in fields of different case',
      'ERR_CREDENTIAL_MULTIPLE',
      [WIT, wit, WIT.toLowerCase(), wit, WPT, prove()],
    ],
    ['two WITs in one field', 'ERR_CREDENTIAL_MULTIPLE', [WIT, `${wit}, ${wit}`, WPT, prove()]],
    ['a WIT above the size limit', 'ERR_CREDENTIAL_TOO_LARGE', [WIT, 'a'.repeat(16_385), WPT, prove()]],
    ['no WPT', 'ERR_PROOF_MISSING', [WIT, wit]],
    ['two WPTs', 'ERR_PROOF_MULTIPLE', [WIT, wit, WPT, prove(), WPT, prove()]],
    ['two WPTs in one field', 'ERR_PROOF_MULTIPLE', [WIT, wit, WPT, `${prove()},${prove()}`]],
    ['a WPT above the size limit', 'ERR_PROOF_TOO_LARGE', [WIT, wit, WPT, 'a'.repeat(16_385)]],
    [
      'headers above the size limit',
      'ERR_REQUEST_HEADERS_TOO_LARGE',
      [WIT, wit, WPT, prove(), 'X', 'x'.repeat(65_536)],
    ],
    [
      'two Authorization fields',
      'ERR_REQUEST_AUTHORIZATION',
      [WIT, wit, WPT, prove({ accessToken: 'a' }), 'Authorization', 'Bearer a', 'authorization', 'Bearer a'],
    ],
    ['a malformed access token', 'ERR_REQUEST_AUTHORIZATION', [WIT, wit, WPT, prove(), 'Authorization', 'Bearer a b']],
    [
      'two transaction tokens',
      'ERR_REQUEST_TXN_TOKEN',
      [WIT, wit, WPT, prove({ txnToken: 'a' }), 'Txn-Token', 'a', 'Txn-Token', 'a'],
    ],
    [
      'two transaction tokens in one field',
      'ERR_REQUEST_TXN_TOKEN',
      [WIT, wit, WPT, prove({ txnToken: 'a,b' }), 'Txn-Token', 'a,b'],
    ],
    [
      'two further tokens of one name',
      'ERR_PROOF_OTHER_TOKEN',
      [WIT, wit, WPT, prove({ otherTokens: { 'x-user-token': 'a' } }), 'X-User-Token', 'a', 'x-user-token', 'a'],
    ],
  ])('refuses %s before any cryptography', async (__, code, headers) => {
    const { verify, calls, memory } = setUp()
    await expectCode(() => verify(...headers), code)
    expect(calls).toEqual({ imports: 0, verifications: 0, hashes: 0 })
    expect(memory.size).toBe(0)
  })

  it('lets tokens of exactly the size limit through to the verifiers', async () => {
    const { verify } = setUp()
    const largest = 'a'.repeat(16_384)
    await expectCode(() => verify(WIT, largest, WPT, prove()), 'ERR_CREDENTIAL_MALFORMED')
    await expectCode(() => verify(WIT, wit, WPT, largest), 'ERR_PROOF_MALFORMED')
  })

  it.each([
    ['an access token', 'ERR_PROOF_ACCESS_TOKEN', ['Authorization', 'Bearer abc']],
    ['an access token behind a tab', 'ERR_PROOF_ACCESS_TOKEN', ['Authorization', 'Bearer\tabc']],
    ['an access token behind white space', 'ERR_PROOF_ACCESS_TOKEN', ['Authorization', ' bearer abc']],
    ['a transaction token', 'ERR_PROOF_TXN_TOKEN', ['Txn-Token', 'a']],
    ['an empty transaction token', 'ERR_PROOF_TXN_TOKEN', ['Txn-Token', '']],
    ['a further token', 'ERR_PROOF_OTHER_TOKEN', ['x-user-TOKEN', 'a']],
  ])('refuses %s that somebody added to the request', async (__, code, added) => {
    const { verify } = setUp()
    await expectCode(() => verify(WIT, wit, WPT, prove(), ...added), code)
  })

  it.each([
    ['the access token', 'ERR_PROOF_ACCESS_TOKEN', { accessToken: 'abc' }],
    ['the transaction token', 'ERR_PROOF_TXN_TOKEN', { txnToken: 'abc' }],
    ['a further token', 'ERR_PROOF_OTHER_TOKEN', { otherTokens: { 'x-user-token': 'abc' } }],
  ])('refuses a request from which somebody took %s away', async (__, code, tokens) => {
    const { verify } = setUp()
    await expectCode(() => verify(WIT, wit, WPT, prove(tokens)), code)
  })

  it('judges the WIT before the proof, and the proof with that WIT', async () => {
    const { verify, calls } = setUp()
    const expired = workload.wit(NOW - 7200)
    await expectCode(() => verify(WIT, expired, WPT, prove()), 'ERR_CREDENTIAL_EXPIRED')
    expect(calls.verifications).toBe(1)
    const other = issuer.workload('/other').wit(NOW)
    await expectCode(() => verify(WIT, other, WPT, prove()), 'ERR_PROOF_SIGNATURE')
  })

  it('accepts a WIT again and again, but each proof once', async () => {
    const { verify } = setUp()
    const proof = prove()
    await verify(WIT, wit, WPT, proof)
    await expectCode(() => verify(WIT, wit, WPT, proof), 'ERR_PROOF_REPLAYED')
    expect((await verify(WIT, wit, WPT, prove())).subject.toString()).toBe('spiffe://example.org/caller')
  })

  it('reads the target, not the Host field, for the audience', async () => {
    const { verifier } = setUp()
    const rawHeaders = ['Host', 'api.example.org', WIT, wit, WPT, prove()]
    await expectCode(() => verifier.verify({ target: '/admin', rawHeaders }, NOW), 'ERR_PROOF_AUDIENCE')
  })
})

describe('RequestVerifier', () => {
  it('answers at once on a synchronous backend', () => {
    const verifier = new RequestVerifier({
      wit: new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }),
      wpt: new WptVerifier({
        crypto: nodeCrypto,
        audience: new AudiencePolicy({ accepted: [AUDIENCE] }),
        replayMemory: new InProcessReplayMemory(),
      }),
    })
    const verified = verifier.verify({ target: '/orders', rawHeaders: [WIT, wit, WPT, prove()] }, NOW)
    expect(verified).not.toBeInstanceOf(Promise)
    expect(verified).toMatchObject({ proof: { audience: AUDIENCE } })
  })
})
