import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeEcdsaSignature, encodeEcdsaSignature, MAX_ECDSA_DER_BYTES } from './ecdsa-signature.ts'

function pair(r: number[], s: number[], size = 4): Uint8Array {
  const pad = (value: number[]) => [...new Array(size - value.length).fill(0), ...value]
  return Uint8Array.from([...pad(r), ...pad(s)])
}

describe('ECDSA signature forms', () => {
  it.each([
    [pair([1], [2]), '3006020101020102'],
    [pair([0x80], [0x7f]), '300702020080' + '02017f'],
    [pair([0xff, 0, 0, 0], [0]), '300a020500ff000000' + '020100'],
  ])('writes minimal integers', (p1363, hex) => {
    expect(Array.from(encodeEcdsaSignature(p1363), (byte) => byte.toString(16).padStart(2, '0')).join('')).toBe(hex)
  })

  it('round-trips every signature of P-256, P-384 and P-521', () => {
    const sizes = fc.constantFrom(32, 48, 66)
    const signature = sizes.chain((size) => fc.uint8Array({ minLength: 2 * size, maxLength: 2 * size }))
    fc.assert(
      fc.property(signature, (p1363) => {
        expect(decodeEcdsaSignature(encodeEcdsaSignature(p1363), p1363.length / 2)).toEqual(p1363)
      }),
    )
  })

  it('writes the same into buffers that were used before', () => {
    const sizes = fc.constantFrom(32, 48, 66)
    const small = fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)
    const signature = sizes.chain((size) => fc.array(small, { minLength: 2 * size, maxLength: 2 * size }))
    const zeros = sizes.chain((size) => fc.tuple(fc.nat(size - 1), fc.nat(size - 1), signature))
    fc.assert(
      fc.property(zeros, ([leadingOfR, leadingOfS, numbers]) => {
        const half = numbers.length / 2
        const p1363 = Uint8Array.from(numbers)
          .fill(0, 0, leadingOfR)
          .fill(0, half, half + leadingOfS)
        const der = encodeEcdsaSignature(p1363, new Uint8Array(MAX_ECDSA_DER_BYTES).fill(0xee))
        expect(der).toEqual(encodeEcdsaSignature(p1363))
        expect(decodeEcdsaSignature(der, half, new Uint8Array(2 * half).fill(0xee))).toEqual(p1363)
      }),
    )
  })

  it('has room for the longest signature', () => {
    const longest = new Uint8Array(132).fill(0xff)
    expect(encodeEcdsaSignature(longest).length).toBe(MAX_ECDSA_DER_BYTES)
  })

  it('says no to a number larger than the curve', () => {
    expect(decodeEcdsaSignature(encodeEcdsaSignature(pair([1, 0, 0, 0], [1])), 3)).toBeUndefined()
    expect(decodeEcdsaSignature(encodeEcdsaSignature(pair([1], [1, 0, 0, 0])), 3)).toBeUndefined()
  })

  it.each([
    ['a padded number', [0x30, 0x07, 0x02, 0x02, 0x00, 0x01, 0x02, 0x01, 0x02]],
    ['a negative number', [0x30, 0x06, 0x02, 0x01, 0x80, 0x02, 0x01, 0x02]],
    ['a third number', [0x30, 0x09, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02, 0x02, 0x01, 0x03]],
    ['trailing bytes', [0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02, 0x00]],
    ['one number', [0x30, 0x03, 0x02, 0x01, 0x01]],
    ['nothing', []],
    ['a number longer than the rest', [0x30, 0x06, 0x02, 0x05, 0x01, 0x02, 0x01, 0x02]],
    ['an empty number', [0x30, 0x05, 0x02, 0x00, 0x02, 0x01, 0x02]],
    ['another type', [0x31, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02]],
    ['an integer of another type', [0x30, 0x06, 0x02, 0x01, 0x01, 0x04, 0x01, 0x02]],
    ['a length in long form that fits the short one', [0x30, 0x81, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02]],
    ['a length of two bytes', [0x30, 0x82, 0x00, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02]],
  ])('refuses %s, so that a signature has one form', (_, bytes) => {
    expect(decodeEcdsaSignature(Uint8Array.from(bytes), 4)).toBeUndefined()
  })
})
