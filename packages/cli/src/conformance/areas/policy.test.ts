import { describe, expect, it } from 'vitest'
import { executeCase } from '../execute-case.ts'
import type { JsonValue, TestCase } from '../test-case.ts'

const ROOT = 'wimse://trust.example/pay'
const POLICY = { root: ROOT, match: 'descendants', enabled: true, allow_entire_origin: false }

function policyCase(policy: JsonValue, input: JsonValue = {}, expected: TestCase['expect'] = 'accept'): TestCase {
  return {
    ...{ id: 'p/1', area: 'policy', level: 'MUST', config: {}, now: null, reason: 'ok', result: {} },
    input: { policy: { ...POLICY, ...policy }, subject: `${ROOT}/worker`, credential_valid: true, ...input },
    expect: expected,
  }
}

describe('policy cases', () => {
  it.each<[string, JsonValue, JsonValue]>([
    ['a descendant', {}, {}],
    ['the root', {}, { subject: ROOT }],
    ['an exact match', { match: 'exact' }, { subject: ROOT }],
    ['an origin where allowed', { root: 'wimse://trust.example', allow_entire_origin: true }, {}],
    ['an origin with a slash where allowed', { root: 'wimse://trust.example/', allow_entire_origin: true }, {}],
    ['a policy that does not mention origins', { allow_entire_origin: undefined }, {}],
  ])('accepts %s', async (_, policy, input) => {
    expect(await executeCase(policyCase(policy, input))).toEqual({ got: 'accept', code: null, ok: true })
  })

  it.each<[string, JsonValue, JsonValue, string]>([
    ['a sibling', {}, { subject: `${ROOT}roll` }, 'ERR_POLICY_DENIED'],
    ['a descendant of an exact root', { match: 'exact' }, {}, 'ERR_POLICY_DENIED'],
    ['another trust domain', {}, { subject: 'wimse://evil.example/pay/worker' }, 'ERR_POLICY_DENIED'],
    ['another scheme', {}, { subject: 'spiffe://trust.example/pay/worker' }, 'ERR_POLICY_DENIED'],
    ['a disabled policy', { enabled: false }, {}, 'ERR_POLICY_DENIED'],
    ['an identifier that nothing proves', {}, { credential_valid: false }, 'ERR_IDENTIFIER_UNVERIFIED'],
    ['an origin where not allowed', { root: 'wimse://trust.example/' }, {}, 'ERR_IDENTIFIER_PATH_MISSING'],
    ['an encoded escape', {}, { subject: `${ROOT}/%2e%2e/admin` }, 'ERR_IDENTIFIER_PATH'],
  ])('refuses %s', async (_, policy, input, code) => {
    expect(await executeCase(policyCase(policy, input, 'reject'))).toEqual({ got: 'reject', code, ok: true })
  })

  it('holds the subject against the expected one', async () => {
    const other = { ...policyCase({}), result: { sub: ROOT } }
    expect(await executeCase(other)).toMatchObject({ ok: false, remark: 'returned another sub' })
  })

  it.each<[string, JsonValue, JsonValue]>([
    ['an unknown match', { match: 'prefix' }, {}],
    ['a root that is no text', { root: 1 }, {}],
    ['enabled that is no boolean', { enabled: 'yes' }, {}],
    ['no word on the credential', {}, { credential_valid: undefined }],
    ['no policy', {}, { policy: undefined }],
  ])('counts %s as an error, whatever was expected', async (_, policy, input) => {
    expect(await executeCase(policyCase(policy, input, 'reject'))).toMatchObject({ got: 'error', ok: false })
  })
})
