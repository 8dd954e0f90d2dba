import { expectCode } from '@countersign/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeLiterals } from './encode-literals.ts'
import { HpackDecoder } from './hpack-decoder.ts'

const decoder = (maxListBytes = 16_000) => new HpackDecoder(maxListBytes)
const fromHex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const decodeHex = (text: string, using = decoder()) =>
  using.decode(fromHex(text)).map(({ name, value }) => [name, value])

const request = (...more: string[][]) => [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], ...more]
const authority = [':authority', 'www.example.com']

describe('the examples of RFC 7541 appendix C', () => {
  it.each([
    ['as they are (C.3)', '828684410f7777772e6578616d706c652e636f6d', '828684be58086e6f2d6361636865'],
    ['Huffman-coded (C.4)', '828684418cf1e3c2e5f23a6ba0ab90f4ff', '828684be5886a8eb10649cbf'],
  ])('requests whose strings are %s', (_, first, second) => {
    const using = decoder()
    expect(decodeHex(first, using)).toEqual(request(authority))
    expect(decodeHex(second, using)).toEqual(request(authority, ['cache-control', 'no-cache']))
    expect(decodeHex('828785bf 400a 637573746f6d2d6b6579 0c 637573746f6d2d76616c7565', using)).toEqual([
      [':method', 'GET'],
      [':scheme', 'https'],
      [':path', '/index.html'],
      authority,
      ['custom-key', 'custom-value'],
    ])
  })

  it('a field that is never indexed (C.2.3) leaves nothing behind', () => {
    const using = decoder()
    expect(decodeHex('1008 70617373776f7264 06 736563726574', using)).toEqual([['password', 'secret']])
    expectCode(() => decodeHex('be', using), 'ERR_HTTP2_INPUT_MALFORMED')
  })
})

describe('the dynamic table', () => {
  const value = (letter: string) => ({ name: 'n', value: letter.repeat(1000) })
  const indexed = (field: { name: string; value: string }) => {
    const literal = encodeLiterals([field])
    literal[0] = 0x40
    return literal
  }

  it('drops its oldest fields when it is full', () => {
    const using = decoder()
    for (const letter of 'abcd') using.decode(indexed(value(letter)))
    // 4 x 1033 octets do not fit in 4096.
    expect(using.decode(Buffer.of(62 | 0x80, 64 | 0x80)).map((field) => field.value[0])).toEqual(['d', 'b'])
    expectCode(() => using.decode(Buffer.of(65 | 0x80)), 'ERR_HTTP2_INPUT_MALFORMED')
  })

  it('is emptied by a field that is larger than itself', () => {
    const using = decoder()
    using.decode(indexed(value('a')))
    using.decode(indexed({ name: 'n', value: 'b'.repeat(4096) }))
    expectCode(() => using.decode(Buffer.of(62 | 0x80)), 'ERR_HTTP2_INPUT_MALFORMED')
  })

  it('is emptied when the client makes it smaller, and lets it grow again', () => {
    const using = decoder()
    using.decode(indexed(value('a')))
    using.decode(fromHex('20 3fe11f'))
    expectCode(() => using.decode(Buffer.of(62 | 0x80)), 'ERR_HTTP2_INPUT_MALFORMED')
    using.decode(indexed(value('b')))
    expect(using.decode(Buffer.of(62 | 0x80))).toHaveLength(1)
  })
})

describe('a block that is refused', () => {
  it.each([
    ['index zero', '80'],
    ['an index that nothing has', 'be'],
    ['a name that nothing has', '7f00 0161'],
    ['a number without end', `ff${'80'.repeat(3)}`],
    ['a number that is too large', 'ffffffffff0f'],
    ['a number with an endless tail of zeros', `ff${'80'.repeat(20)}00`],
    ['a literal without a value', '0001 61'],
    ['a string that is longer than the block', '0001 61 0561'],
    ['a length that is not there', '00'],
    ['a table size above the limit', '3fe21f'],
    ['a table size after a field', '82 20'],
    ['Huffman padding of zeros', '0001 61 8100'],
    ['Huffman padding of eight bits', '0001 61 821fff'],
    ['a spelled out end of string', '0001 61 84ffffffff'],
  ])('%s', (_, text) => {
    expectCode(() => decodeHex(text), 'ERR_HTTP2_INPUT_MALFORMED')
  })

  it('one octet of which stands for a long field, many times', () => {
    const using = decoder(8_000)
    const literal = encodeLiterals([{ name: 'n', value: 'v'.repeat(3_900) }])
    literal[0] = 0x40
    using.decode(literal)
    expect(using.decode(Buffer.of(62 | 0x80, 62 | 0x80))).toHaveLength(2)
    expectCode(() => using.decode(Buffer.alloc(3, 62 | 0x80)), 'ERR_HTTP2_INPUT_TOO_LARGE')
  })

  it('more empty fields than fit', () => {
    expectCode(() => decoder(1_000).decode(Buffer.alloc(40, 0x81)), 'ERR_HTTP2_INPUT_TOO_LARGE')
  })

  it('any octets at all end in fields or in a typed error', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (blocks) => {
        const using = decoder(2_000)
        for (const block of blocks) {
          try {
            using.decode(Buffer.from(block))
          } catch (error) {
            expect(error).toMatchObject({ name: 'Http2InputError' })
            return
          }
        }
      }),
    )
  })
})

describe('encodeLiterals', () => {
  it('is read back as it was, and refers to nothing', () => {
    const text = fc.string({ unit: 'binary-ascii', maxLength: 300 })
    fc.assert(
      fc.property(fc.array(fc.record({ name: text, value: text }), { maxLength: 8 }), (fields) => {
        expect(decoder().decode(encodeLiterals(fields))).toEqual(fields)
      }),
    )
  })

  it('never takes more than what the fields count for', () => {
    for (const length of [0, 126, 127, 128, 254, 255, 16_000]) {
      const fields = [{ name: 'n', value: 'v'.repeat(length) }]
      expect(encodeLiterals(fields).length).toBeLessThanOrEqual(length + 33)
    }
  })
})
