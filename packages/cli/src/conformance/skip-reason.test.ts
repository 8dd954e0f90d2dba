import { describe, expect, it } from 'vitest'
import { skipReason } from './skip-reason.ts'
import type { TestCase } from './test-case.ts'

function testCase(change: Partial<TestCase>): TestCase {
  const rest = { id: 'a', level: 'MUST', now: 1, reason: 'ok', result: {} }
  return { area: 'wit', config: { trust: [] }, input: { wit: '' }, expect: 'accept', ...rest, ...change }
}

describe('skipReason', () => {
  it.each([
    ['identifier', { trust: [] }, { identifier: '' }],
    ['wit', { trust: [], profile: 'wit-svid', max_age: 1, base_url: '' }, { wit: '' }],
    ['wpt', { trust: [], base_url: '', accepted_audiences: [], other_token_headers: [] }, { request: {} }],
    ['wpt', { max_proof_lifetime: 1, max_wit_lifetime: 1, reject_future_iat: true }, { steps: [] }],
  ])('lets an understood %s case run', (area, config, input) => {
    expect(skipReason(testCase({ area, config, input }))).toBe(undefined)
  })

  it.each([
    [{ area: 'later-area' }, 'area not implemented yet'],
    [{ area: 'constructor' }, 'area not implemented yet'],
    [{ level: 'ambiguous' }, 'level ambiguous is never scored'],
    [{ config: { new_key: 1 } }, 'config key new_key is not known for area wit'],
    [{ config: { response_signing: 'required' } }, 'config key response_signing is not known for area wit'],
    [{ input: { wit: '', extra: 1 } }, 'input member extra is not known for area wit'],
    [{ result: { iss: 'a' } }, 'result member iss is not known for area wit'],
    [{ config: { lenient_cnf_alg: true } }, 'config key lenient_cnf_alg: a WIT without cnf.jwk.alg is never accepted'],
  ])('skips %j', (change, reason) => {
    expect(skipReason(testCase(change))).toBe(reason)
  })

  it.each(['lenient_cnf_alg', 'rfc9421_only', 'required_components', 'accept_label', 'trust_wit_unverified'])(
    'skips what only reproduces an older draft: %s',
    (key) => {
      expect(skipReason(testCase({ config: { [key]: true } }))).toMatch(new RegExp(`^config key ${key}: `))
    },
  )
})
