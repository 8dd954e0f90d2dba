import { FakeIssuer, type FakeWorkload } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { NOW } from '../test-support/run-cli.ts'
import { executeCase } from './execute-case.ts'
import type { JsonValue, TestCase } from './test-case.ts'

const BASE_URL = 'https://api.example'
const ISSUER = 'https://issuer.example'
const issuer = new FakeIssuer({ origin: 'spiffe://example.org', issuers: [ISSUER] })
const workload = issuer.workload('/web')
const trust = [{ origin: issuer.origin, issuers: [ISSUER], jwks: { keys: [issuer.witKey.publicJwk] } }]

function testCase(change: Partial<TestCase>): TestCase {
  const rest = { id: 'x/1', level: 'MUST', now: NOW, reason: 'ok', result: {} }
  return { area: 'wit', config: { trust }, input: {}, expect: 'accept', ...rest, ...change }
}

const witCase = (wit: string, config: JsonValue = {}, change: Partial<TestCase> = {}) =>
  testCase({ input: { wit }, config: { trust, ...config }, ...change })

describe('identifier cases', () => {
  const identifierCase = (identifier: unknown, expectation: TestCase['expect']) =>
    testCase({ area: 'identifier', config: {}, input: { identifier }, now: null, expect: expectation })

  it('runs through the parser of the product', async () => {
    expect(await executeCase(identifierCase('wimse://a.example/b', 'accept'))).toMatchObject({ ok: true })
    expect(await executeCase(identifierCase('wimse://a.example', 'reject'))).toEqual({
      got: 'reject',
      code: 'ERR_IDENTIFIER_PATH_MISSING',
      ok: true,
    })
  })

  it('fails when the product and the case disagree', async () => {
    expect(await executeCase(identifierCase('wimse://a.example/b', 'reject'))).toMatchObject({
      got: 'accept',
      ok: false,
    })
    expect(await executeCase(identifierCase('http://a.example/b', 'accept'))).toMatchObject({
      got: 'reject',
      ok: false,
    })
  })

  it('counts a malformed case as an error, whatever was expected', async () => {
    expect(await executeCase(identifierCase(1, 'reject'))).toEqual({
      got: 'error',
      code: null,
      ok: false,
      remark: 'x/1: input.identifier must be a string',
    })
  })
})

describe('wit cases', () => {
  it('accepts, and holds the subject against the expected one', async () => {
    const wit = workload.wit(NOW)
    const same = await executeCase(witCase(wit, {}, { result: { sub: 'spiffe://example.org/web' } }))
    expect(same).toEqual({ got: 'accept', code: null, ok: true })
    const other = await executeCase(witCase(wit, {}, { result: { sub: 'spiffe://example.org/api' } }))
    expect(other).toEqual({ got: 'accept', code: null, ok: false, remark: 'returned another sub' })
  })

  it("uses the case's clock, and grants no skew that the case does not", async () => {
    const wit = workload.wit(NOW, 100)
    expect(await executeCase(witCase(wit, {}, { now: NOW + 99 }))).toMatchObject({ got: 'accept' })
    expect(await executeCase(witCase(wit, {}, { now: NOW + 100 }))).toMatchObject({ code: 'ERR_CREDENTIAL_EXPIRED' })
    expect(await executeCase(witCase(wit, { clock_skew: 5 }, { now: NOW + 104 }))).toMatchObject({ got: 'accept' })
  })

  it('keeps anchors to their origin', async () => {
    const elsewhere = [{ ...trust[0], origin: 'wimse://example.org' }]
    expect(await executeCase(witCase(workload.wit(NOW), { trust: elsewhere }))).toMatchObject({
      code: 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN',
    })
  })

  it('passes over anchor keys of a kind that is not supported', async () => {
    const keys = [{ kty: 'oct', k: 'AAAA' }, issuer.witKey.publicJwk]
    const config = { trust: [{ origin: issuer.origin, jwks: { keys } }] }
    expect(await executeCase(witCase(workload.wit(NOW), config))).toMatchObject({ got: 'accept' })
  })

  const foreignIssuer = new FakeIssuer({ witKey: issuer.witKey, issuers: ['https://other.example'] }).workload('/web')
  const eddsa = new FakeIssuer({ witKey: issuer.witKey }).workload('/web', { alg: 'EdDSA' })
  it.each<[string, string, JsonValue, string]>([
    ['max_wit_lifetime', workload.wit(NOW, 3_600), { max_wit_lifetime: 3_599 }, 'ERR_CREDENTIAL_LIFETIME'],
    ['reject_future_iat', workload.wit(NOW + 60), { reject_future_iat: true }, 'ERR_CREDENTIAL_ISSUED_IN_FUTURE'],
    ['max_age', workload.wit(NOW - 60), { max_age: 59 }, 'ERR_CREDENTIAL_TOO_OLD'],
    ['enforce_issuers', foreignIssuer.wit(NOW), { enforce_issuers: true }, 'ERR_CREDENTIAL_ISSUER'],
    ['profile', eddsa.wit(NOW), { profile: 'wit-svid' }, 'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM'],
  ])('honours %s', async (_, wit, config, code) => {
    expect(await executeCase(witCase(wit))).toMatchObject({ got: 'accept' })
    expect(await executeCase(witCase(wit, config))).toMatchObject({ got: 'reject', code })
  })

  it('honours require_kid', async () => {
    const [, payload] = workload.wit(NOW).split('.')
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'wit+jwt' })).toString('base64url')
    const signature = Buffer.from(issuer.witKey.sign(Buffer.from(`${header}.${payload}`))).toString('base64url')
    const wit = `${header}.${payload}.${signature}`
    expect(await executeCase(witCase(wit))).toMatchObject({ got: 'accept' })
    expect(await executeCase(witCase(wit, { require_kid: true }))).toMatchObject({ code: 'ERR_CREDENTIAL_HEADER' })
  })

  it.each<[string, JsonValue]>([
    ['an unknown profile', { profile: 'other' }],
    ['a flag that is no boolean', { require_kid: 1 }],
    ['a number that is none', { clock_skew: '5' }],
    ['an origin that is none', { trust: [{ origin: 'example.org' }] }],
    ['no trust at all', { trust: undefined }],
  ])('counts %s as an error', async (_, config) => {
    const wrong = witCase('a.b.c', config, { expect: 'reject' })
    expect(await executeCase(wrong)).toMatchObject({ got: 'error', code: null, ok: false })
  })
})

describe('wpt cases', () => {
  const wit = workload.wit(NOW)
  const proof = (content: Partial<Parameters<FakeWorkload['proof']>[1]> = {}) =>
    workload.proof(wit, { audience: `${BASE_URL}/orders`, now: NOW, ...content })
  const request = (wpt: string, headers: readonly (readonly [string, string])[] = [], target = '/orders?q=1') => ({
    method: 'GET',
    scheme: 'http',
    authority: 'evil.example',
    target,
    headers: [['Workload-Identity-Token', wit], ['Workload-Proof-Token', wpt], ...headers],
  })
  const wptCase = (input: JsonValue, config: JsonValue = {}, expectation: TestCase['expect'] = 'accept') =>
    testCase({ area: 'wpt', input, config: { trust, base_url: BASE_URL, ...config }, expect: expectation })

  it('takes scheme and authority from base_url alone', async () => {
    const subject = { result: { sub: 'spiffe://example.org/web' } }
    const accepted = { ...wptCase({ request: request(proof()) }), ...subject }
    expect(await executeCase(accepted)).toEqual({ got: 'accept', code: null, ok: true })
    const fooled = request(proof({ audience: 'http://evil.example/orders' }))
    expect(await executeCase(wptCase({ request: fooled }))).toMatchObject({ code: 'ERR_PROOF_AUDIENCE', ok: false })
    const elsewhere = request(proof(), [], '/stock')
    expect(await executeCase(wptCase({ request: elsewhere }))).toMatchObject({ code: 'ERR_PROOF_AUDIENCE' })
  })

  it('honours accepted_audiences', async () => {
    const input = { request: request(proof({ audience: 'urn:orders' })) }
    expect(await executeCase(wptCase(input))).toMatchObject({ code: 'ERR_PROOF_AUDIENCE' })
    expect(await executeCase(wptCase(input, { accepted_audiences: ['urn:orders'] }))).toMatchObject({ got: 'accept' })
  })

  it('honours max_proof_lifetime and clock_skew', async () => {
    const input = { request: request(proof({ ttlSeconds: 120 })) }
    expect(await executeCase(wptCase(input, { max_proof_lifetime: 120 }))).toMatchObject({ got: 'accept' })
    expect(await executeCase(wptCase(input, { max_proof_lifetime: 119 }))).toMatchObject({ code: 'ERR_PROOF_LIFETIME' })
    const late = { request: request(proof({ now: NOW - 65 })) }
    expect(await executeCase(wptCase(late))).toMatchObject({ code: 'ERR_PROOF_EXPIRED' })
    expect(await executeCase(wptCase(late, { clock_skew: 6 }))).toMatchObject({ got: 'accept' })
  })

  it('honours other_token_headers', async () => {
    const input = { request: request(proof(), [['X-User', 'alice']]) }
    expect(await executeCase(wptCase(input))).toMatchObject({ got: 'accept' })
    expect(await executeCase(wptCase(input, { other_token_headers: ['x-user'] }))).toMatchObject({
      code: 'ERR_PROOF_OTHER_TOKEN',
    })
  })

  it('keeps repeated header fields apart', async () => {
    const input = { request: request(proof(), [['workload-proof-token', proof()]]) }
    expect(await executeCase(wptCase(input, {}, 'reject'))).toMatchObject({ code: 'ERR_PROOF_MULTIPLE', ok: true })
  })

  it('shares one replay memory over the steps of a case, and none between cases', async () => {
    const once = request(proof())
    const steps = [
      { request: once, now: NOW, expect: 'accept' },
      { request: once, now: NOW + 1, expect: 'reject' },
    ]
    const replayed = { got: 'reject', code: 'ERR_PROOF_REPLAYED', ok: true }
    expect(await executeCase(wptCase({ steps }, {}, 'reject'))).toEqual(replayed)
    expect(await executeCase(wptCase({ steps }, {}, 'reject'))).toEqual(replayed)
  })

  it('fails at the first step that goes otherwise, and names it', async () => {
    const steps = [
      { request: request(proof()), now: NOW, expect: 'reject' },
      { request: request(proof()), now: NOW, expect: 'accept' },
    ]
    expect(await executeCase(wptCase({ steps }))).toEqual({
      got: 'accept',
      code: null,
      ok: false,
      remark: 'step 1, expected reject',
    })
  })

  it.each<[string, JsonValue, JsonValue]>([
    ['no steps', { steps: [] }, {}],
    ['neither request nor steps', {}, {}],
    ['a header that is no pair', { request: { target: '/', headers: [['a']] } }, {}],
    ['a base URL that is none', { request: { target: '/', headers: [] } }, { base_url: 'api.example' }],
    ['no audience at all', { request: { target: '/', headers: [] } }, { base_url: undefined }],
  ])('counts %s as an error even where a rejection was expected', async (_, input, config) => {
    expect(await executeCase(wptCase(input, config, 'reject'))).toMatchObject({ got: 'error', ok: false })
  })
})
