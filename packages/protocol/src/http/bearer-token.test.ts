import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { accessTokenOf } from './bearer-token.ts'

describe('accessTokenOf', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER abc', 'abc'],
    ['DPoP abc', 'abc'],
    ['Bearer   abc  ', 'abc'],
    [' Bearer abc', 'abc'],
    ['Bearer\tabc', 'abc'],
    ['Bearer aZ09-._~+/==', 'aZ09-._~+/=='],
  ])('%j holds %j', (field, token) => {
    expect(accessTokenOf(field)).toBe(token)
  })

  it.each(['Basic YTpi', 'Bearers abc', 'Digest a="b", c="d"', '', 'Bearer,abc x'])(
    '%j holds no access token',
    (field) => {
      expect(accessTokenOf(field)).toBe(undefined)
    },
  )

  it.each([
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer a,b',
    'Bearer a, Bearer b',
    'Bearer "a"',
    'Bearer a=b',
    'Bearer é',
    'DPoP',
    'Bearer\t',
  ])('refuses %j', async (field) => {
    await expectCode(() => accessTokenOf(field), 'ERR_REQUEST_AUTHORIZATION')
  })
})
