import { describe, expect, it } from 'vitest'
import { executeCase } from '../execute-case.ts'
import type { JsonValue, TestCase } from '../test-case.ts'

const IDENTIFIER = 'wimse://example.org/service/payments'
const FIRST = { issuer: 'a', principal: 'P0', identifier: IDENTIFIER }
const ATTEMPT = {
  identifier: IDENTIFIER,
  previous_principal: 'P0',
  next_principal: 'P1',
  intentional: true,
  previous_credential_valid: false,
  previous_proof_valid: false,
  authorization_cache_active: false,
  external_mapping_active: false,
  updates_propagated: true,
  audit_attribution_preserved: true,
}

function registryCase(input: JsonValue, expected: TestCase['expect'] = 'accept'): TestCase {
  const rest = { id: 'r/1', area: 'registry', level: 'SHOULD', config: {}, now: null, reason: 'ok', result: {} }
  return { ...rest, input, expect: expected }
}
const allocate = (...more: readonly JsonValue[]) => ({ operation: 'allocate', allocations: [FIRST, ...more] })
const reassign = (change: JsonValue = {}) => ({ operation: 'reassign', attempt: { ...ATTEMPT, ...change } })

describe('registry cases', () => {
  it.each<[string, JsonValue]>([
    ['one principal through two issuers', allocate({ ...FIRST, issuer: 'b' })],
    ['two identifiers', allocate({ ...FIRST, identifier: `${IDENTIFIER}/b` })],
    [
      'one name in two schemes',
      allocate({ ...FIRST, principal: 'P1', identifier: 'spiffe://example.org/service/payments' }),
    ],
    ['no allocation at all', { operation: 'allocate', allocations: [] }],
    ['a safe reassignment', reassign()],
    ['no change of principal', reassign({ next_principal: 'P0', previous_credential_valid: true, intentional: false })],
  ])('accepts %s', async (_, input) => {
    expect(await executeCase(registryCase(input))).toEqual({ got: 'accept', code: null, ok: true })
  })

  it.each<[string, JsonValue, string]>([
    ['two principals through one issuer', allocate({ ...FIRST, principal: 'P1' }), 'ERR_ALLOCATION_TAKEN'],
    [
      'two principals through two issuers',
      allocate({ ...FIRST, issuer: 'b', principal: 'P1' }),
      'ERR_ALLOCATION_TAKEN',
    ],
    ['what is no identifier', allocate({ ...FIRST, identifier: 'wimse://example.org' }), 'ERR_IDENTIFIER_PATH_MISSING'],
    ['an accident', reassign({ intentional: false }), 'ERR_ALLOCATION_NOT_INTENDED'],
    ['a live credential', reassign({ previous_credential_valid: true }), 'ERR_ALLOCATION_NOT_RETIRED'],
    ['a live proof', reassign({ previous_proof_valid: true }), 'ERR_ALLOCATION_NOT_RETIRED'],
    ['a cache', reassign({ authorization_cache_active: true }), 'ERR_ALLOCATION_NOT_RETIRED'],
    ['a mapping', reassign({ external_mapping_active: true }), 'ERR_ALLOCATION_NOT_RETIRED'],
    ['news still on their way', reassign({ updates_propagated: false }), 'ERR_ALLOCATION_NOT_RETIRED'],
    ['lost attribution', reassign({ audit_attribution_preserved: false }), 'ERR_ALLOCATION_NOT_RETIRED'],
  ])('refuses %s', async (_, input, code) => {
    expect(await executeCase(registryCase(input, 'reject'))).toEqual({ got: 'reject', code, ok: true })
  })

  it.each<[string, JsonValue]>([
    ['an unknown operation', { operation: 'release' }],
    ['no allocations', { operation: 'allocate' }],
    ['an allocation without principal', allocate({ ...FIRST, principal: undefined })],
    ['no attempt', { operation: 'reassign' }],
    ['a missing answer', reassign({ updates_propagated: undefined })],
  ])('counts %s as an error, whatever was expected', async (_, input) => {
    expect(await executeCase(registryCase(input, 'reject'))).toMatchObject({ got: 'error', ok: false })
  })
})
