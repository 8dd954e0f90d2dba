import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DerElement, DerReader } from './der-reader.ts'
import {
  decodeBitNumbers,
  decodeBoolean,
  decodeIa5,
  decodeSmallInteger,
  decodeUnsigned,
  decodeWholeBitString,
} from './der-values.ts'
import { DerWriter } from './der-writer.ts'
import { decodeKeyUsage, encodeKeyUsage } from './key-usage.ts'
import { decodeOid, encodeOid } from './oid.ts'

const malformed = expect.objectContaining({ code: 'ERR_CERTIFICATE_MALFORMED' })
const bytes = (...values: number[]) => Uint8Array.from(values)

describe('DER values', () => {
  it('reads booleans in their one form', () => {
    expect(decodeBoolean(bytes(0xff))).toBe(true)
    expect(decodeBoolean(bytes(0))).toBe(false)
    for (const wrong of [bytes(1), bytes(), bytes(0xff, 0xff)]) expect(() => decodeBoolean(wrong)).toThrow(malformed)
  })

  it('reads non-negative minimal integers', () => {
    expect(decodeUnsigned(bytes(0))).toEqual(bytes(0))
    expect(decodeUnsigned(bytes(0, 0x80))).toEqual(bytes(0x80))
    expect(decodeSmallInteger(bytes(1, 0))).toBe(256)
    for (const wrong of [bytes(), bytes(0x80), bytes(0, 0x7f), bytes(0, 0)]) {
      expect(() => decodeUnsigned(wrong)).toThrow(malformed)
    }
    expect(() => decodeSmallInteger(bytes(1, 0, 0))).toThrow(malformed)
  })

  it('reads bit strings of whole bytes', () => {
    expect(decodeWholeBitString(bytes(0, 5))).toEqual(bytes(5))
    for (const wrong of [bytes(), bytes(0), bytes(1, 4)]) expect(() => decodeWholeBitString(wrong)).toThrow(malformed)
  })

  it('reads named bit lists without trailing zeros', () => {
    expect(decodeBitNumbers(bytes(7, 0x80))).toEqual([0])
    expect(decodeBitNumbers(bytes(7, 0x06, 0x80))).toEqual([5, 6, 8])
    for (const wrong of [bytes(), bytes(0), bytes(8, 0), bytes(6, 0x80), bytes(7, 0xc0), bytes(0, 0, 0, 0, 0, 1)]) {
      expect(() => decodeBitNumbers(wrong)).toThrow(malformed)
    }
  })

  it('refuses a key usage bit without a meaning', () => {
    expect(() => decodeKeyUsage(bytes(6, 0x00, 0x40))).toThrow(malformed)
  })

  it('round-trips key usages', () => {
    for (const usages of [['digitalSignature'], ['keyCertSign', 'cRLSign'], ['decipherOnly']] as const) {
      const content = new DerReader(encodeKeyUsage(usages)).next().content
      expect([...decodeKeyUsage(content)]).toEqual(usages)
    }
  })

  it.each([0x00, 0x0a, 0x7f, 0x80])('refuses character %i in a name', (byte) => {
    expect(() => decodeIa5(bytes(0x61, byte))).toThrow(malformed)
  })

  it.each(['1.2.840.10045.4.3.2', '2.5.29.17', '0.9', '1.39.0', '2.999.1', '1.3.6.1.4.1.4294967296'])(
    'round-trips object identifier %s',
    (dotted) => {
      expect(decodeOid(new DerReader(encodeOid(dotted)).next().content)).toBe(dotted)
    },
  )

  it('reads an arc longer than a number can hold', () => {
    expect(decodeOid(bytes(0x69, 0x83, ...new Array(17).fill(0x80), 0x01))).toBe(`2.25.${3n * 128n ** 18n + 1n}`)
  })

  it.each([
    ['empty', bytes()],
    ['unfinished', bytes(0x2a, 0x86)],
    ['padded', bytes(0x2a, 0x80, 0x01)],
    ['too long', new Uint8Array(65).fill(1)],
  ])('refuses an object identifier that is %s', (_, content) => {
    expect(() => decodeOid(content)).toThrow(malformed)
  })

  it('decodes small arcs exactly, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** 31 - 1), { maxLength: 8 }), (arcs) => {
        const dotted = ['1', '3', ...arcs].join('.')
        expect(decodeOid(new DerReader(encodeOid(dotted)).next().content)).toBe(dotted)
      }),
    )
  })

  it('refuses to write a buffer that was sized wrongly', () => {
    expect(() => new DerWriter(3).header(5, 0).finish()).toThrow(RangeError)
  })

  it('gives views of one element', () => {
    const element = new DerElement(bytes(9, 4, 1, 7, 9), 1, 3, 4)
    expect([element.tag, element.content, element.raw]).toEqual([4, bytes(7), bytes(4, 1, 7)])
  })
})
