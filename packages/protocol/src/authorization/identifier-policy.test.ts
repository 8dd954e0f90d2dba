import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { IdentifierPolicy } from './identifier-policy.ts'

const RULE = { root: 'wimse://trust.example/pay', match: 'descendants' } as const
const received = (identifier = 'wimse://trust.example/pay/worker') => ({ identifier, isCredentialValid: true })

describe('IdentifierPolicy', () => {
  it('allows what its rule means', () => {
    const policy = new IdentifierPolicy(RULE)
    expect(policy.authorize(received()).toString()).toBe('wimse://trust.example/pay/worker')
    expect(policy.authorize(received('wimse://trust.example/pay')).path).toBe('/pay')
  })

  it('refuses what its rule does not mean', async () => {
    const error = await expectCode(
      () => new IdentifierPolicy(RULE).authorize(received('wimse://trust.example/payroll')),
      'ERR_POLICY_DENIED',
    )
    expect(error.detail).toBe('no rule for wimse://trust.example/payroll')
  })

  it('refuses everything when it is switched off', async () => {
    const policy = new IdentifierPolicy({ ...RULE, isEnabled: false })
    const error = await expectCode(() => policy.authorize(received()), 'ERR_POLICY_DENIED')
    expect(error.detail).toBe('policy is switched off')
  })

  it('refuses an identifier that no validated credential carried', async () => {
    const policy = new IdentifierPolicy(RULE)
    await expectCode(() => policy.authorize({ ...received(), isCredentialValid: false }), 'ERR_IDENTIFIER_UNVERIFIED')
    // What plain JavaScript may pass.
    const odd = { ...received(), isCredentialValid: 'false' as unknown as boolean }
    await expectCode(() => policy.authorize(odd), 'ERR_IDENTIFIER_UNVERIFIED')
  })

  it.each([
    ['a relative segment', 'wimse://trust.example/pay/../admin', 'ERR_IDENTIFIER_PATH'],
    ['an encoded relative segment', 'wimse://trust.example/pay/%2e%2e/admin', 'ERR_IDENTIFIER_PATH'],
    ['an encoded slash', 'wimse://trust.example/pay%2Fworker', 'ERR_IDENTIFIER_PATH'],
    ['an empty segment', 'wimse://trust.example/pay//worker', 'ERR_IDENTIFIER_PATH'],
    ['an origin only', 'wimse://trust.example', 'ERR_IDENTIFIER_PATH_MISSING'],
    ['a query', 'wimse://trust.example/pay/worker?a', 'ERR_IDENTIFIER_QUERY'],
    ['another spelling of the scheme', 'WIMSE://trust.example/pay/worker', 'ERR_IDENTIFIER_NOT_CANONICAL'],
  ])('refuses a subject with %s', async (_, identifier, code) => {
    await expectCode(() => new IdentifierPolicy(RULE).authorize(received(identifier)), code)
  })

  it('refuses a wrong root even when it is switched off', async () => {
    await expectCode(
      () => new IdentifierPolicy({ ...RULE, root: 'wimse://trust.example', isEnabled: false }),
      'ERR_IDENTIFIER_PATH_MISSING',
    )
  })
})
