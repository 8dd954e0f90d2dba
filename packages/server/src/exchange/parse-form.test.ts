import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { parseForm } from './parse-form.ts'

describe('parseForm', () => {
  it('reads names and values', () => {
    const form = parseForm('scope=a+b&client_id=spiffe%3A%2F%2Fexample.org%2F%c3%a4&empty=&audience=x&audience=y')
    expect(form.get('scope')).toBe('a b')
    expect(form.get('client_id')).toBe('spiffe://example.org/ä')
    expect(form.get('empty')).toBe(undefined)
    expect(form.get('absent')).toBe(undefined)
    expect(form.getAll('audience')).toEqual(['x', 'y'])
    expect(form.getAll('resource')).toEqual([])
    expect(parseForm('').get('scope')).toBe(undefined)
  })

  it.each([
    ['a parameter that came twice', 'scope=a&scope=a'],
    ['one whose second name is encoded', 'scope=a&%73cope=b'],
    ['one that is empty the first time', 'scope=&scope=b'],
    ['no name', '=a'],
    ['no value', 'scope'],
    ['an empty pair', 'scope=a&&client_id=b'],
    ['half an escape', 'scope=%4'],
    ['an escape that is none', 'scope=%zz'],
    ['bytes that are no UTF-8', 'scope=%ff'],
    ['an overlong encoding', 'scope=%c0%af'],
    ['a line break', 'scope=a\nb'],
    ['characters that were not encoded', 'scope=ä'],
    ['a semicolon as separator', 'a=1;b="2"'],
    ['too many parameters', Array.from({ length: 65 }, (_, index) => `p${index}=1`).join('&')],
    ['too much', `a=${'x'.repeat(65_536)}`],
  ])('refuses %s', async (_, body) => {
    await expectCode(() => parseForm(body), 'ERR_OAUTH_INVALID_REQUEST')
  })

  it('quotes nothing that could be a secret in the wrong place', async () => {
    const error = await expectCode(() => parseForm('s3cr3t-x=1&s3cr3t-x=1'), 'ERR_OAUTH_INVALID_REQUEST')
    expect(error.message).not.toContain('s3cr3t')
  })
})
