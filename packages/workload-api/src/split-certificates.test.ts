import fc from 'fast-check'
import { expect, it } from 'vitest'
import { splitCertificates } from './split-certificates.ts'

/** A SEQUENCE of so many zero bytes. */
function sequence(length: number): Uint8Array {
  const header =
    length < 0x80
      ? [0x30, length]
      : length < 0x100
        ? [0x30, 0x81, length]
        : length < 0x10000
          ? [0x30, 0x82, length >> 8, length & 0xff]
          : [0x30, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]
  return Uint8Array.from([...header, ...new Uint8Array(length)])
}

it('takes apart what was put together', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 70_000 }), { maxLength: 5 }), (lengths) => {
      const certificates = lengths.map(sequence)
      expect(splitCertificates(new Uint8Array(Buffer.concat(certificates)))).toEqual(certificates)
    }),
    { numRuns: 30 },
  )
})

it('gives copies', () => {
  const bytes = sequence(3)
  const [certificate] = splitCertificates(bytes)
  bytes.fill(7)
  expect(certificate).toEqual(sequence(3))
})

it.each<[string, number[]]>([
  ['something else', [0x31, 0x00]],
  ['no length', [0x30]],
  ['a length that is cut off', [0x30, 0x82, 0x01]],
  ['too little content', [0x30, 0x02, 0x00]],
  ['an indefinite length', [0x30, 0x80, 0x00, 0x00]],
  ['a length of four bytes', [0x30, 0x84, 0x00, 0x00, 0x00, 0x00]],
  ['something after it', [0x30, 0x00, 0x05]],
])('refuses %s', (_, bytes) => {
  expect(() => splitCertificates(Uint8Array.from(bytes))).toThrow(TypeError)
})

it('refuses more certificates than anybody has', () => {
  const many = (count: number) => new Uint8Array(Buffer.concat(new Array(count).fill(sequence(0))))
  expect(splitCertificates(many(256))).toHaveLength(256)
  expect(() => splitCertificates(many(257))).toThrow('too many')
})
