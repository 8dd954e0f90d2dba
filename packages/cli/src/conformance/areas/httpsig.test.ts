import { type HttpRequest, type HttpResponse, HttpSignatureBuilder } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeIssuer } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { NOW } from '../../test-support/run-cli.ts'
import { executeCase } from '../execute-case.ts'
import type { JsonValue, TestCase } from '../test-case.ts'

const issuer = new FakeIssuer()
const client = issuer.workload('/client')
const server = issuer.workload('/server')
const trust = [{ origin: issuer.origin, jwks: { keys: [issuer.witKey.publicJwk] } }]
const AUDIENCE = 'https://api.example/orders'

const builder = (workload = client) => new HttpSignatureBuilder(workload.wit(NOW), workload.key, nodeCrypto)
const bytes = (text: string) => new TextEncoder().encode(text)
const pairs = (rawHeaders: readonly string[]) =>
  Array.from({ length: rawHeaders.length / 2 }, (_, index) => rawHeaders.slice(index * 2, index * 2 + 2))

const ORDER: HttpRequest = {
  ...{ method: 'POST', scheme: 'http', authority: 'evil.example', target: '/orders?q=1' },
  ...{ rawHeaders: ['X-User', 'alice'], body: bytes('{}') },
}

async function signedRequest(content: { audience?: string; signResponse?: boolean; ttlSeconds?: number } = {}) {
  const added = await builder().signRequest(ORDER, { audience: AUDIENCE, now: NOW, ...content })
  const sent = { ...ORDER, rawHeaders: [...ORDER.rawHeaders, ...added.rawHeaders] }
  const { rawHeaders, body: _, ...rest } = sent
  return { sent, nonce: added.nonce, json: { ...rest, headers: pairs(rawHeaders), body: '{}' } as JsonValue }
}

function testCase(area: string, input: JsonValue, config: JsonValue = {}, change: Partial<TestCase> = {}): TestCase {
  const rest = { id: 'x/1', level: 'MUST', now: NOW, reason: 'ok', result: {}, expect: 'accept' as const }
  return { ...rest, area, input, config: { trust, ...config }, ...change }
}

describe('httpsig-request cases', () => {
  const requestCase = (input: JsonValue, config: JsonValue = {}, change: Partial<TestCase> = {}) =>
    testCase('httpsig-request', input, { base_url: 'https://api.example', ...config }, change)

  it('run through the verifier of the product and return the sender', async () => {
    const { json } = await signedRequest()
    const accepted = requestCase({ request: json }, {}, { result: { sub: 'spiffe://example.org/client' } })
    expect(await executeCase(accepted)).toEqual({ got: 'accept', code: null, ok: true })
    const other = requestCase({ request: { ...json, body: '[]' } }, {}, { expect: 'reject' })
    expect(await executeCase(other)).toEqual({ got: 'reject', code: 'ERR_SIGNATURE_DIGEST_MISMATCH', ok: true })
  })

  it.each<[string, JsonValue, string]>([
    ['accepted_audiences', { base_url: undefined, accepted_audiences: ['urn:a'] }, 'ERR_SIGNATURE_AUDIENCE'],
    ['max_proof_lifetime', { max_proof_lifetime: 59 }, 'ERR_SIGNATURE_LIFETIME'],
    ['other_token_headers', { other_token_headers: ['x-user'] }, 'ERR_SIGNATURE_COMPONENT_UNCOVERED'],
  ])('honour %s', async (_, config, code) => {
    const { json } = await signedRequest()
    expect(await executeCase(requestCase({ request: json }, config))).toMatchObject({ got: 'reject', code })
  })

  it('grant no skew that the case does not', async () => {
    const { json } = await signedRequest()
    const late = { now: NOW + 60 }
    expect(await executeCase(requestCase({ request: json }, {}, late))).toMatchObject({ code: 'ERR_SIGNATURE_EXPIRED' })
    expect(await executeCase(requestCase({ request: json }, { clock_skew: 1 }, late))).toMatchObject({ got: 'accept' })
  })

  it('share one replay memory over their steps', async () => {
    const { json } = await signedRequest()
    const steps = [
      { request: json, now: NOW, expect: 'accept' },
      { request: json, now: NOW + 1, expect: 'reject' },
    ]
    const replayed = { got: 'reject', code: 'ERR_SIGNATURE_REPLAYED', ok: true }
    expect(await executeCase(requestCase({ steps }, {}, { expect: 'reject' }))).toEqual(replayed)
  })

  it('count a request without a method as an error', async () => {
    const { json } = await signedRequest()
    const wrong = requestCase({ request: { ...json, method: undefined } }, {}, { expect: 'reject' })
    expect(await executeCase(wrong)).toMatchObject({
      got: 'error',
      remark: 'x/1: input.request.method must be a string',
    })
  })
})

describe('httpsig-response cases', () => {
  const UNSIGNED: HttpResponse = { status: 200, rawHeaders: ['Content-Type', 'a/b'], body: bytes('ok') }
  const UNSIGNED_JSON = { status: 200, headers: pairs(UNSIGNED.rawHeaders), body: 'ok' }

  async function exchange(signResponse: boolean) {
    const { sent, nonce, json } = await signedRequest({ signResponse })
    const added = await builder(server).signResponse(UNSIGNED, { request: sent, requestNonce: nonce, now: NOW })
    return {
      request: json,
      response: { ...UNSIGNED_JSON, headers: pairs([...UNSIGNED.rawHeaders, ...added.rawHeaders]) },
    }
  }

  it('run through the verifier of the product and return who answered', async () => {
    const result = { sub: 'spiffe://example.org/server' }
    const accepted = testCase('httpsig-response', await exchange(true), { expected_peer: result.sub }, { result })
    expect(await executeCase(accepted)).toEqual({ got: 'accept', code: null, ok: true })
  })

  it('honour expected_peer', async () => {
    const wrong = testCase('httpsig-response', await exchange(true), { expected_peer: 'spiffe://example.org/other' })
    expect(await executeCase(wrong)).toMatchObject({ got: 'reject', code: 'ERR_SIGNATURE_PEER' })
  })

  it('honour response_signing, and what the request asked for', async () => {
    const missing = { got: 'reject', code: 'ERR_SIGNATURE_MISSING' }
    const run = async (signResponse: boolean, config: JsonValue) =>
      executeCase(testCase('httpsig-response', { ...(await exchange(signResponse)), response: UNSIGNED_JSON }, config))
    expect(await run(false, {})).toMatchObject({ got: 'accept' })
    expect(await run(false, { response_signing: 'optional' })).toMatchObject({ got: 'accept' })
    expect(await run(false, { response_signing: 'required' })).toMatchObject(missing)
    expect(await run(true, { response_signing: 'optional' })).toMatchObject(missing)
    expect(await run(false, { response_signing: 'never' })).toMatchObject({ got: 'error' })
  })
})
