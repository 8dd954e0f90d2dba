import { expectCode } from '@countersign/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_STRUCTURED_FIELD_LENGTH, parseDictionary } from './parse-structured-field.ts'
import { serializeDictionary, serializeString } from './serialize-structured-field.ts'
import { SignatureError } from './signature-error.ts'
import type { BareItem, Dictionary, Item, Member } from './structured-field.ts'

const parse = (text: string) => parseDictionary(text, 'test')

describe('parseDictionary', () => {
  it.each([
    ['', ''],
    ['a', 'a'],
    ['  a=1', 'a=1'],
    ['a=1,b=2', 'a=1, b=2'],
    ['a=1 \t,\t b;x;y=?0', 'a=1, b;x;y=?0'],
    ['a=?1;p=?1', 'a;p'],
    ['a=-0, b=007, c=-15, d=999999999999999', 'a=0, b=7, c=-15, d=999999999999999'],
    ['a=1.50, b=-0.0, c=123456789012.125', 'a=1.5, b=-0.0, c=123456789012.125'],
    ['a=1.050, b=0.005', 'a=1.05, b=0.005'],
    ['a="", b="x \\" \\\\ ~"', 'a="", b="x \\" \\\\ ~"'],
    ['a=*tok/en:1, b=T', 'a=*tok/en:1, b=T'],
    ['a=::, b=:AAEC:', 'a=::, b=:AAEC:'],
    ['a=()', 'a=()'],
    ['a=(  1   "b";c   ?0  );  d=1;*k.e-y_', 'a=(1 "b";c ?0);d=1;*k.e-y_'],
  ])('reads %j', (text, canonical) => {
    expect(serializeDictionary(parse(text))).toBe(canonical)
  })

  it.each([
    'a=',
    'A=1',
    '1=1',
    'a=1,',
    ',a=1',
    'a=1;',
    'a=1;;b',
    'a=1 b=2',
    'a=1;B',
    'a =1',
    '\ta=1',
    'a=1, a=2',
    'a;b;b',
    'a=--1',
    'a=1.',
    'a=.5',
    'a=1.0001',
    'a=1.2.3',
    'a=1234567890123.0',
    'a=1000000000000000',
    'a="x',
    'a="\\x"',
    'a="\u007f"',
    'a="é"',
    'a="\n"',
    'a=:AA:',
    'a=:AAF=:',
    'a=:AAE:',
    'a=:AA=E:',
    'a=:AA-_:',
    'a=:AAEC',
    'a=?2',
    'a=?',
    'a=(1',
    'a=(1"b")',
    'a=(1,2)',
    'a=((1))',
    'a=(1\t2)',
    'a=@1',
    'a=%"x"',
    'a=1\r\n b=2',
  ])('refuses %j', async (text) => {
    await expectCode(() => parse(text), 'ERR_SIGNATURE_MALFORMED')
  })

  it.each([
    ['text', `a="${'x'.repeat(MAX_STRUCTURED_FIELD_LENGTH)}"`],
    ['members', Array.from({ length: 65 }, (_, index) => `a${index}`).join(',')],
    ['items', `a=(${'1 '.repeat(65)})`],
    ['parameters', `a${Array.from({ length: 65 }, (_, index) => `;p${index}`).join('')}`],
  ])('has a limit on %s', async (_, text) => {
    await expectCode(() => parse(text), 'ERR_SIGNATURE_TOO_LARGE')
  })

  it('stays within each limit', () => {
    const many = (write: (index: number) => string) => Array.from({ length: 64 }, (_, index) => write(index))
    expect(parse(many((index) => `a${index}`).join(',')).size).toBe(64)
    expect(parse(`a${many((index) => `;p${index}`).join('')}`).get('a')?.parameters.size).toBe(64)
    const list = parse(`a=(${many(String).join(' ')})`).get('a')
    expect(list?.kind === 'inner-list' && list.items.length).toBe(64)
  })

  it('keeps the text of each part as it came', () => {
    const member = parse('x=1, sig=( "a";k="\\""  b );  created=007;z=?1 , y').get('sig')
    expect(member).toMatchObject({
      source: '( "a";k="\\""  b );  created=007;z=?1',
      listSource: '( "a";k="\\""  b )',
      items: [{ source: '"a";k="\\""' }, { source: 'b' }],
    })
  })

  it('takes time in proportion to the length', () => {
    for (const text of [
      `a="${'\\"'.repeat(8_000)}`,
      `a=${'('.repeat(16_000)}`,
      ' '.repeat(16_000),
      `a=:${'A'.repeat(16_000)}`,
    ]) {
      const started = performance.now()
      try {
        parse(text)
      } catch (error) {
        expect(error).toBeInstanceOf(SignatureError)
      }
      expect(performance.now() - started).toBeLessThan(500)
    }
  })
})

const key = fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,8}$/)
const bare: fc.Arbitrary<BareItem> = fc.oneof(
  fc.integer().map((value): BareItem => ({ type: 'integer', value })),
  fc.stringMatching(/^[ -~]{0,12}$/).map((value): BareItem => ({ type: 'string', value })),
  fc.stringMatching(/^[A-Za-z*][A-Za-z0-9:/*.-]{0,8}$/).map((value): BareItem => ({ type: 'token', value })),
  fc.uint8Array({ maxLength: 12 }).map((value): BareItem => ({ type: 'bytes', value })),
  fc.boolean().map((value): BareItem => ({ type: 'boolean', value })),
)
const parameters = fc
  .uniqueArray(fc.tuple(key, bare), { selector: ([name]) => name, maxLength: 4 })
  .map((list) => new Map(list))
const item: fc.Arbitrary<Item> = fc
  .tuple(bare, parameters)
  .map(([value, params]) => ({ kind: 'item', bare: value, parameters: params, source: '' }))
const member: fc.Arbitrary<Member> = fc.oneof(
  item,
  fc
    .tuple(fc.array(item, { maxLength: 4 }), parameters)
    .map(([items, params]): Member => ({ kind: 'inner-list', items, parameters: params, source: '', listSource: '' })),
)
const dictionary: fc.Arbitrary<Dictionary> = fc
  .uniqueArray(fc.tuple(key, member), { selector: ([name]) => name, maxLength: 5 })
  .map((list) => new Map(list))

/** A member without the text it came from. */
const content = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (name, part) => {
      if (name === 'source' || name === 'listSource') return undefined
      return part instanceof Map ? [...part] : part instanceof Uint8Array ? Array.from(part) : part
    }),
  )

describe('properties', () => {
  it('what is written is read back', () => {
    fc.assert(
      fc.property(dictionary, (value) => {
        const text = serializeDictionary(value)
        const again = parse(text)
        expect(content(again)).toEqual(content(value))
        expect(serializeDictionary(again)).toBe(text)
      }),
    )
  })

  it('any text is read or refused, and what is read has one canonical form', () => {
    const noise = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'ab1=;,()":?. \t\\*-A'), maxLength: 40 }))
    fc.assert(
      fc.property(noise, (text) => {
        let read: Dictionary
        try {
          read = parse(text)
        } catch (error) {
          expect(error).toBeInstanceOf(SignatureError)
          return
        }
        const canonical = serializeDictionary(read)
        expect(serializeDictionary(parse(canonical))).toBe(canonical)
      }),
      { numRuns: 2000 },
    )
  })

  it('a string that cannot be written is a mistake of the program', () => {
    expect(() => serializeString('é')).toThrow(TypeError)
    expect(() => serializeString('a\nb')).toThrow(TypeError)
  })
})
