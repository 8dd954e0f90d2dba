import { generateSigningKey } from '@countersign/protocol/keys-node'
import { encodeToken, mutateToken } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { NOW } from '../../test-support/run-cli.ts'
import { executeCase } from '../execute-case.ts'
import type { JsonValue, TestCase } from '../test-case.ts'

const key = generateSigningKey('ES256', { kid: 'tts-1' })
const CLAIMS = { iat: NOW, exp: NOW + 60, aud: 'a.example', txn: 't', sub: 'alice', scope: 'read', req_wl: 'gateway' }
const TOKEN = encodeToken({ alg: 'ES256', typ: 'txntoken+jwt', kid: 'tts-1' }, CLAIMS, key)
const CONFIG = { tts_jwks: { keys: [{ kty: 'oct', k: 'AAAA' }, key.publicJwk] }, trust_domain: 'a.example' }
const withoutKid = mutateToken(TOKEN, { header: { kid: undefined }, key })

function txnCase(token: unknown, config: JsonValue = {}, change: Partial<TestCase> = {}): TestCase {
  const rest = { id: 't/1', area: 'txn-token', level: 'MUST', now: NOW, reason: 'ok', result: {} }
  return { ...rest, config: { ...CONFIG, ...config }, input: { txn_token: token }, expect: 'accept', ...change }
}

describe('txn-token cases', () => {
  it('accepts, and holds the values against the expected ones', async () => {
    const result = { sub: 'alice', txn: 't', req_wl: 'gateway' }
    expect(await executeCase(txnCase(TOKEN, {}, { result }))).toEqual({ got: 'accept', code: null, ok: true })
    for (const name of Object.keys(result)) {
      const other = txnCase(TOKEN, {}, { result: { ...result, [name]: 'other' } })
      expect(await executeCase(other)).toMatchObject({ ok: false, remark: `returned another ${name}` })
    }
  })

  it("uses the case's clock, and grants no skew that the case does not", async () => {
    expect(await executeCase(txnCase(TOKEN, {}, { now: NOW + 59 }))).toMatchObject({ got: 'accept' })
    expect(await executeCase(txnCase(TOKEN, {}, { now: NOW + 60 }))).toMatchObject({ code: 'ERR_CREDENTIAL_EXPIRED' })
    expect(await executeCase(txnCase(TOKEN, { clock_skew: 5 }, { now: NOW + 64 }))).toMatchObject({ got: 'accept' })
  })

  it.each<[string, string, JsonValue, string]>([
    ['trust_domain', TOKEN, { trust_domain: 'b.example' }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['tts_jwks', TOKEN, { tts_jwks: { keys: [] } }, 'ERR_CREDENTIAL_KEY_UNKNOWN'],
    ['require_kid', withoutKid, { require_kid: true }, 'ERR_CREDENTIAL_HEADER'],
    ['max_age', mutateToken(TOKEN, { claims: { iat: NOW - 9 }, key }), { max_age: 8 }, 'ERR_CREDENTIAL_TOO_OLD'],
    [
      'reject_future_iat',
      mutateToken(TOKEN, { claims: { iat: NOW + 1 }, key }),
      { reject_future_iat: true },
      'ERR_CREDENTIAL_ISSUED_IN_FUTURE',
    ],
  ])('honours %s', async (_, token, config, code) => {
    expect(await executeCase(txnCase(token))).toMatchObject({ got: 'accept' })
    expect(await executeCase(txnCase(token, config))).toMatchObject({ got: 'reject', code })
  })

  it('refuses what is no transaction token', async () => {
    const wrong = mutateToken(TOKEN, { header: { typ: 'JWT' }, key })
    expect(await executeCase(txnCase(wrong, {}, { expect: 'reject' }))).toEqual({
      got: 'reject',
      code: 'ERR_CREDENTIAL_TYPE',
      ok: true,
    })
  })

  it.each<[string, unknown, JsonValue]>([
    ['a token that is no text', 1, {}],
    ['no keys', TOKEN, { tts_jwks: undefined }],
    ['keys that are no list', TOKEN, { tts_jwks: { keys: {} } }],
    ['no trust domain', TOKEN, { trust_domain: undefined }],
    ['a skew that is no number', TOKEN, { clock_skew: '5' }],
  ])('counts %s as an error, whatever was expected', async (_, token, config) => {
    expect(await executeCase(txnCase(token, config, { expect: 'reject' }))).toMatchObject({ got: 'error', ok: false })
  })
})
