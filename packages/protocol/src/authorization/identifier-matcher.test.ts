import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { WorkloadId } from '../identifier/workload-id.ts'
import { IdentifierMatcher, type IdentifierRule } from './identifier-matcher.ts'

const ROOT = 'wimse://trust.example/ns/db'

/** Those of `ids` that the rule means. */
function meant(rule: IdentifierRule, ids: readonly string[]): readonly string[] {
  const matcher = IdentifierMatcher.parse(rule)
  return ids.filter((id) => matcher.matches(WorkloadId.parse(id)))
}

const FOREIGN = [
  'wimse://other.example/ns/db',
  'wimse://other.example/ns/db/a',
  'spiffe://trust.example/ns/db',
  'spiffe://trust.example/ns/db/a',
  'wimse://trust.example.evil/ns/db/a',
]

describe('IdentifierMatcher', () => {
  it('means one identifier by an exact rule', () => {
    const others = [`${ROOT}/a`, `${ROOT}-evil`, 'wimse://trust.example/ns', 'wimse://trust.example/ns/DB', ...FOREIGN]
    expect(meant({ root: ROOT, match: 'exact' }, [ROOT, ...others])).toEqual([ROOT])
  })

  it('means the root and all below it by a rule for descendants', () => {
    const below = [ROOT, `${ROOT}/a`, `${ROOT}/a/b`]
    expect(meant({ root: ROOT, match: 'descendants' }, below)).toEqual(below)
  })

  it('ends a prefix where a segment ends', () => {
    const siblings = [
      `${ROOT}-evil`,
      `${ROOT}2`,
      `${ROOT}.a/b`,
      'wimse://trust.example/ns/d',
      'wimse://trust.example/ns',
    ]
    expect(meant({ root: ROOT, match: 'descendants' }, siblings)).toEqual([])
  })

  it('compares paths with regard to case', () => {
    expect(meant({ root: ROOT, match: 'descendants' }, ['wimse://trust.example/ns/DB/a'])).toEqual([])
  })

  it('keeps a rule to its scheme and trust domain', () => {
    expect(meant({ root: ROOT, match: 'descendants' }, FOREIGN)).toEqual([])
    const entire = { root: 'wimse://trust.example', match: 'descendants', allowEntireOrigin: true } as const
    expect(meant(entire, FOREIGN)).toEqual([])
  })

  it.each(['wimse://trust.example', 'wimse://trust.example/'])(
    'means a whole origin only where allowed: %s',
    async (root) => {
      expect(meant({ root, match: 'descendants', allowEntireOrigin: true }, [ROOT, 'wimse://trust.example/a'])).toEqual(
        [ROOT, 'wimse://trust.example/a'],
      )
      for (const allowEntireOrigin of [false, undefined]) {
        const rule = {
          root,
          match: 'descendants',
          ...(allowEntireOrigin === undefined ? {} : { allowEntireOrigin }),
        } as const
        await expectCode(() => IdentifierMatcher.parse(rule), 'ERR_IDENTIFIER_PATH_MISSING')
      }
    },
  )

  it('never takes an origin for an identifier', async () => {
    const rule = { root: 'wimse://trust.example', match: 'exact', allowEntireOrigin: true } as const
    await expectCode(() => IdentifierMatcher.parse(rule), 'ERR_IDENTIFIER_PATH_MISSING')
  })

  it('does not widen a rule with a path when origins are allowed', () => {
    const rule = { root: ROOT, match: 'descendants', allowEntireOrigin: true } as const
    expect(meant(rule, [ROOT, 'wimse://trust.example/ns', `${ROOT}-evil`])).toEqual([ROOT])
  })

  it.each([
    ['a slash at the end', `${ROOT}/`, 'ERR_IDENTIFIER_PATH'],
    ['a wildcard segment', 'spiffe://trust.example/ns/*', 'ERR_IDENTIFIER_PATH'],
    ['a relative segment', 'wimse://trust.example/ns/../a', 'ERR_IDENTIFIER_PATH'],
    ['an empty path segment', 'wimse://trust.example//', 'ERR_IDENTIFIER_PATH'],
    ['no scheme', 'trust.example/ns', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['a path only', '/ns/db', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['an empty text', '', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['no trust domain', 'wimse:///', 'ERR_IDENTIFIER_TRUST_DOMAIN'],
  ])('refuses a root with %s, even where origins are allowed', async (_, root, code) => {
    await expectCode(() => IdentifierMatcher.parse({ root, match: 'descendants', allowEntireOrigin: true }), code)
  })

  it('says what is wrong with a path rather than that an origin has none', async () => {
    const rule = { root: 'wimse://trust.example/ns/../a', match: 'descendants', allowEntireOrigin: true } as const
    const error = await expectCode(() => IdentifierMatcher.parse(rule), 'ERR_IDENTIFIER_PATH')
    expect(error.message).toBe('path has a relative segment')
  })

  it('makes a matcher of a whole origin from an origin alone', async () => {
    expect(IdentifierMatcher.entireOrigin('wimse://trust.example').matches(WorkloadId.parse(ROOT))).toBe(true)
    await expectCode(() => IdentifierMatcher.entireOrigin(ROOT), 'ERR_IDENTIFIER_PATH')
  })
})
