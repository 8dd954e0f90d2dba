import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CertificateError } from './certificate-error.ts'
import { DerReader, MAX_DER_BYTES } from './der-reader.ts'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'

const malformed = expect.objectContaining({ code: 'ERR_CERTIFICATE_MALFORMED' })

function read(...bytes: number[]) {
  return new DerReader(Uint8Array.from(bytes)).next()
}

describe('DerReader', () => {
  it.each([0, 1, 127, 128, 255, 256, 65_000])('reads back an element with %i bytes of content', (length) => {
    const content = new Uint8Array(length).fill(7)
    const reader = new DerReader(encodeElement(DerTag.octetString, content))
    expect(reader.next().content).toEqual(content)
    expect(reader.isAtEnd).toBe(true)
  })

  it.each([
    ['no bytes', []],
    ['a tag and no length', [0x04]],
    ['a tag of several bytes', [0x1f, 0x01, 0x00]],
    ['an indefinite length', [0x30, 0x80, 0x00, 0x00]],
    ['a length that fits one byte written in two', [0x04, 0x81, 0x01, 0x00]],
    ['a length with a leading zero byte', [0x04, 0x82, 0x00, 0x80, ...new Array(128).fill(0)]],
    ['a length of four bytes', [0x04, 0x84, 0x00, 0x00, 0x00, 0x01, 0x00]],
    ['a length cut short', [0x04, 0x82, 0x01]],
    ['content cut short', [0x04, 0x02, 0x00]],
  ])('refuses %s', (_, bytes) => {
    expect(() => read(...bytes)).toThrow(malformed)
  })

  it('keeps an inner element inside its outer one', () => {
    // The inner length reaches into the bytes after the sequence.
    const reader = new DerReader(Uint8Array.of(0x30, 0x02, 0x04, 0x01, 0xaa)).enter(DerTag.sequence)
    expect(() => reader.next()).toThrow(malformed)
    const truncated = new DerReader(Uint8Array.of(0x30, 0x01, 0x04, 0x00)).enter(DerTag.sequence)
    expect(() => truncated.next()).toThrow(malformed)
  })

  it('refuses another type and leftovers', () => {
    const bytes = Uint8Array.of(0x05, 0x00, 0x05, 0x00)
    expect(() => new DerReader(bytes).expect(DerTag.integer)).toThrow(malformed)
    const reader = new DerReader(bytes)
    reader.expect(DerTag.null)
    expect(() => reader.finish()).toThrow(malformed)
  })

  it('refuses more than 64 KiB', () => {
    const tooLarge = expect.objectContaining({ code: 'ERR_CERTIFICATE_TOO_LARGE' })
    expect(() => new DerReader(new Uint8Array(MAX_DER_BYTES + 1))).toThrow(tooLarge)
  })

  it('refuses to go deeper than 16 levels', () => {
    const nested = (levels: number) => {
      let bytes = encodeElement(DerTag.null)
      for (let level = 0; level < levels; level++) bytes = encodeElement(DerTag.sequence, bytes)
      return bytes
    }
    const descend = (levels: number) => {
      let reader = new DerReader(nested(levels))
      for (let level = 0; level < levels; level++) reader = reader.enter(DerTag.sequence)
      return reader.next().tag
    }
    expect(descend(16)).toBe(DerTag.null)
    expect(() => descend(17)).toThrow(malformed)
  })

  it('ends, and throws nothing but CertificateError, on any bytes', () => {
    const walk = (reader: DerReader): void => {
      while (!reader.isAtEnd) {
        const tag = reader.peekTag() ?? 0
        if ((tag & 0x20) === 0) reader.next()
        else walk(reader.enter(tag))
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          walk(new DerReader(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(CertificateError)
        }
      }),
    )
  })
})
