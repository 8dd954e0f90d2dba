import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { mapClaims, readClaim, requireClaims } from './claim-paths.ts'

const CLAIMS = {
  'kubernetes.io': { namespace: 'test', pod: { name: 'app' } },
  'https://example.com/groups': ['a', 'b'],
  'a~b': 'tilde',
  number: 1,
  mixed: ['a', 1],
  long: 'x'.repeat(2049),
}

describe('readClaim', () => {
  it.each([
    ['kubernetes.io/namespace', 'test'],
    ['kubernetes.io/pod/name', 'app'],
    ['https:~1~1example.com~1groups', ['a', 'b']],
    ['a~0b', 'tilde'],
    ['kubernetes.io', undefined],
    ['number', undefined],
    ['mixed', undefined],
    ['long', undefined],
    ['absent/deeper', undefined],
    ['constructor', undefined],
    ['https:~1~1example.com~1groups/0', undefined],
  ])('reads %s', (path, expected) => {
    expect(readClaim(CLAIMS, path)).toEqual(expected)
  })
})

describe('requireClaims', () => {
  it('accepts one of the values', () => {
    expect(() => requireClaims(CLAIMS, { 'kubernetes.io/namespace': ['other', 'test'] })).not.toThrow()
    expect(() => requireClaims(CLAIMS, { 'https:~1~1example.com~1groups': ['b'] })).not.toThrow()
  })

  it.each([
    [{ 'kubernetes.io/namespace': ['other'] }],
    [{ 'kubernetes.io/namespace': ['test'], tenant: ['x'] }],
    [{ number: ['1'] }],
  ])('refuses when %j does not hold', async (required) => {
    await expectCode(
      () => requireClaims(CLAIMS, required as unknown as Record<string, readonly string[]>),
      'ERR_CREDENTIAL_CLAIM',
    )
  })
})

describe('mapClaims', () => {
  it('lets through what is named and nothing else', () => {
    expect(mapClaims(CLAIMS, { 'kubernetes.io/namespace': 'namespace', absent: 'x', number: 'n' })).toEqual({
      namespace: 'test',
    })
  })
})
