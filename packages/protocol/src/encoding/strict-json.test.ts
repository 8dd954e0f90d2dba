import { expectCode } from '@countersign/testing'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { parseJsonObject } from './strict-json.ts'

describe('parseJsonObject', () => {
  it('reads what JSON.parse reads', () => {
    const member = fc.jsonValue({ maxDepth: 5 })
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), member), (value) => {
        const text = JSON.stringify(value)
        fc.pre(!/\\.(?:[^"\\]|\\.)*"\s*:/s.test(text))
        expect(parseJsonObject(text)).toEqual(JSON.parse(text))
        expect(parseJsonObject(JSON.stringify(value, undefined, '\t'))).toEqual(JSON.parse(text))
      }),
    )
  })

  it.each([
    ['nothing', ''],
    ['an array', '[]'],
    ['null', 'null'],
    ['a number', '1'],
    ['a string', '"{}"'],
    ['two values', '{}{}'],
    ['a trailing comma', '{"a":1,}'],
    ['a comment', '{"a":1/**/}'],
    ['single quotes', "{'a':1}"],
    ['an open string', '{"a":"'],
    ['a string that ends in an escaped quote', '{"a":"\\"}'],
    ['an open object', '{"a":1'],
    ['a byte order mark', '\ufeff{}'],
    ['NaN', '{"a":NaN}'],
    ['brackets that close too early', ']]]]{}'],
  ])('refuses %s', async (_, text) => {
    await expectCode(() => parseJsonObject(text), 'ERR_ENCODING_JSON')
  })

  it.each([
    ['at the top', '{"a":1,"a":1}'],
    ['with equal values', '{"a":{},"a":{}}'],
    ['in an object', '{"x":{"a":1,"b":2,"a":3}}'],
    ['in an array in an object', '{"x":[1,[{"a":1,"a":2}]]}'],
    ['that are empty', '{"":1,"":2}'],
    ['called __proto__', '{"__proto__":1,"__proto__":2}'],
    ['called __proto__ with objects', '{"__proto__":{"a":1},"__proto__":{"a":1}}'],
    ['called like an array index', '{"0":1,"0":2}'],
    ['hidden behind a third that keeps the count of another object', '{"a":{"b":1},"a":{"b":1,"c":2}}'],
  ])('refuses two members of one name %s', async (_, text) => {
    await expectCode(() => parseJsonObject(text), 'ERR_ENCODING_JSON_DUPLICATE')
  })

  it.each([
    ['an escaped letter', '{"\\u0061":2}'],
    ['an escaped slash', '{"\\/":2}'],
    ['an escaped quote', '{"a\\"b":1}'],
    ['a backslash at its end', '{"a\\\\":1}'],
    ['an escape, deep down and before white space', '{"x":[{"\\u0061" \t\n\r:2}]}'],
  ])('refuses a member name with %s: it is another spelling of a name', async (_, text) => {
    await expectCode(() => parseJsonObject(text), 'ERR_ENCODING_JSON')
  })

  it('is not led astray by what was parsed before', async () => {
    // Some versions of V8 take an escaped name for a shorter one they have seen in the same place.
    await expectCode(() => parseJsonObject('{"sub":"a","exp":1,"\\u0":"z"}'), 'ERR_ENCODING_JSON')
    await expectCode(() => parseJsonObject('{"sub":"a","exp":1,"\\u0073ub":"b"}'), 'ERR_ENCODING_JSON')
  })

  it.each([
    ['colons in values', '{"a":"b:c","d":":"}'],
    ['colons in names', '{"a:a":1,":":2}'],
    ['quotes and colons behind escapes', '{"a":"\\":\\"","b":"\\\\","c":"\\\\\\":"}'],
    ['brackets in strings', '{"a":"{{{{[[[[{{{{[[[[{{{{[[[["}'],
    ['one name in two objects', '{"a":{"a":1},"b":[{"a":1},{"a":1}]}'],
    ['names that differ in case', '{"a":1,"A":2}'],
    ['names that differ in normalization', '{"\u00e9":1,"e\u0301":2}'],
    ['escapes in values', '{"a":"\\u0061\\n\\\\","b":["\\""],"c":"\\\\"}'],
  ])('accepts %s', (_, text) => {
    expect(parseJsonObject(text)).toEqual(JSON.parse(text))
  })

  it('keeps a member called __proto__ as a plain member', () => {
    const value = parseJsonObject('{"__proto__":{"admin":true},"a":1}')
    expect(Object.keys(value)).toEqual(['__proto__', 'a'])
    expect(value['admin']).toBeUndefined()
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })

  it('counts levels of objects and arrays together and refuses the seventeenth', async () => {
    const nested = (levels: number) => `${'{"a":['.repeat(levels / 2)}${']}'.repeat(levels / 2)}`
    const odd = (levels: number) => `{"a":${nested(levels - 1)}}`
    expect(Object.keys(parseJsonObject(nested(16)))).toEqual(['a'])
    await expectCode(() => parseJsonObject(odd(17)), 'ERR_ENCODING_JSON_DEPTH')
    expect(Object.keys(parseJsonObject(odd(3), 3))).toEqual(['a'])
    await expectCode(() => parseJsonObject(nested(4), 3), 'ERR_ENCODING_JSON_DEPTH')
  })

  it('does not add up levels that were closed again', () => {
    const text = `{"a":[${Array(50).fill('[[{}]]').join()}]}`
    expect(parseJsonObject(text, 5)).toEqual(JSON.parse(text))
  })

  it('refuses depth before it reads anything recursively', async () => {
    const parse = vi.spyOn(JSON, 'parse')
    await expectCode(() => parseJsonObject('{"a":'.repeat(5000)), 'ERR_ENCODING_JSON_DEPTH')
    expect(parse).not.toHaveBeenCalled()
  })

  it('does not put the input into the message', async () => {
    const error = await expectCode(() => parseJsonObject('{"secret-value":'), 'ERR_ENCODING_JSON')
    expect(error.message).not.toContain('secret')
  })

  describe('looks at each character a bounded number of times', () => {
    const SIZE = 16_384
    const fill = (open: string, unit: string, close: string) =>
      open + unit.repeat(Math.floor((SIZE - open.length - close.length) / unit.length)) + close

    it.each([
      ['a string of backslashes', fill('{"a":"', '\\\\', '"}')],
      ['a string of escaped quotes', fill('{"a":"', '\\"', '"}')],
      ['an open string of backslashes', fill('{"a":"', '\\', '')],
      ['an open string of escaped quotes', fill('{"a":"', '\\"', '')],
      ['backslash runs before each quote', fill('{"a":"', `${'\\'.repeat(127)}"`, '"}')],
      ['quotes only', fill('', '"', '')],
      ['many empty strings', fill('{"a":["",', '"",', '""]}')],
      ['many open objects', fill('', '{"":', '')],
      ['many members', `{${Array.from({ length: 1500 }, (_, index) => `"m${index}":${index}`).join()}}`],
    ])('%s', (_, text) => {
      let steps = 0
      const charCodeAt = String.prototype.charCodeAt
      const indexOf = String.prototype.indexOf
      vi.spyOn(String.prototype, 'charCodeAt').mockImplementation(function (this: string, index) {
        steps++
        return charCodeAt.call(this, index)
      })
      vi.spyOn(String.prototype, 'indexOf').mockImplementation(function (this: string, wanted, from = 0) {
        const found = indexOf.call(this, wanted, from)
        steps += (found === -1 ? this.length : found) - from + 1
        return found
      })
      try {
        parseJsonObject(text)
      } catch {
        // Refusing is fine; only the work counts here.
      } finally {
        vi.restoreAllMocks()
      }
      expect(steps).toBeGreaterThan(0)
      expect(steps).toBeLessThan(text.length * 4)
    })
  })

  afterEach(() => {
    vi.restoreAllMocks()
  })
})
