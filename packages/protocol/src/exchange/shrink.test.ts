import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { Confirmation } from './confirmation.ts'
import { shrinkAudience, shrinkBinding, shrinkLifetime, shrinkScopes } from './shrink.ts'

describe('shrinkScopes', () => {
  it.each([
    ['those asked for', ['a'], ['a', 'b'], undefined, ['a']],
    ['each once', ['a', 'a'], ['a'], undefined, ['a']],
    ['all that the rule allows when none is named', undefined, ['a', 'b'], undefined, ['a', 'b']],
    ['of these only those that the subject holds', undefined, ['a', 'b'], ['b', 'c'], ['b']],
    ['none when none is asked for', [], ['a'], undefined, []],
    ['none when the subject holds none', undefined, ['a'], [], []],
  ])('gives %s', (_, requested, allowed, held, expected) => {
    expect(shrinkScopes(requested, allowed, held)).toEqual(expected)
  })

  it('refuses what the rule does not allow, and what the subject does not hold', async () => {
    await expectCode(() => shrinkScopes(['a', 'c'], ['a', 'b'], undefined), 'ERR_OAUTH_INVALID_SCOPE')
    await expectCode(() => shrinkScopes(['a', 'b'], ['a', 'b'], ['a']), 'ERR_OAUTH_INVALID_SCOPE')
    await expectCode(() => shrinkScopes(['a'], ['a'], []), 'ERR_OAUTH_INVALID_SCOPE')
  })
})

describe('shrinkAudience', () => {
  it('gives the one asked for, or the only one there is', () => {
    expect(shrinkAudience(['b', 'b'], ['a', 'b'])).toEqual(['b'])
    expect(shrinkAudience([], ['a'])).toEqual(['a'])
  })

  it('refuses another one, and to choose', async () => {
    await expectCode(() => shrinkAudience(['a', 'c'], ['a', 'b']), 'ERR_OAUTH_INVALID_TARGET')
    await expectCode(() => shrinkAudience([], ['a', 'b']), 'ERR_OAUTH_INVALID_TARGET')
  })
})

describe('shrinkLifetime', () => {
  it('ends with the first that ends', () => {
    expect(shrinkLifetime(1000, 300, [2000, 1500])).toBe(1300)
    expect(shrinkLifetime(1000, 300, [2000, 1100.5])).toBe(1100)
    expect(shrinkLifetime(1000, 300, [])).toBe(1300)
  })

  it.each([[[1000]], [[999]], [[Number.NaN]], [[1000.5]]])('refuses when no time is left: %j', async (limits) => {
    await expectCode(() => shrinkLifetime(1000, 300, limits), 'ERR_OAUTH_INVALID_REQUEST')
  })
})

describe('shrinkBinding', () => {
  const held: Confirmation = { kind: 'jkt', thumbprint: 'held' }
  const proven: Confirmation = { kind: 'jkt', thumbprint: 'proven' }

  it.each([
    [undefined, undefined, 'as-presented', undefined],
    [undefined, proven, 'as-presented', proven],
    [held, proven, 'as-presented', proven],
    [undefined, proven, 'required', proven],
    [held, proven, 'none', undefined],
    [held, undefined, 'none', undefined],
  ] as const)('of %j with %j under "%s" is %j', (from, key, rule, expected) => {
    expect(shrinkBinding({ held: from, proven: key, rule })).toEqual(expected)
  })

  it('refuses to make a bearer token where the rule wants none, or of one that is bound', async () => {
    const refused = 'ERR_OAUTH_INVALID_DPOP_PROOF'
    await expectCode(() => shrinkBinding({ held: undefined, proven: undefined, rule: 'required' }), refused)
    await expectCode(() => shrinkBinding({ held, proven: undefined, rule: 'as-presented' }), refused)
  })
})
