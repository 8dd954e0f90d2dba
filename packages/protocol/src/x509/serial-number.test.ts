import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../keys-node/index.ts'
import { encodeSerial, randomSerial } from './serial-number.ts'

const refused = expect.objectContaining({ code: 'ERR_CERTIFICATE_SERIAL' })
const bytes = (...values: number[]) => Uint8Array.from(values)

describe('serial numbers', () => {
  it('writes a positive minimal INTEGER', () => {
    expect(encodeSerial(bytes(1))).toEqual(bytes(2, 1, 1))
    expect(encodeSerial(bytes(0x80))).toEqual(bytes(2, 2, 0, 0x80))
    expect(encodeSerial(bytes(0, 0, 5))).toEqual(bytes(2, 1, 5))
  })

  it.each([
    ['nothing', bytes()],
    ['zero', bytes(0, 0)],
    ['21 bytes', new Uint8Array(21).fill(1)],
    ['20 bytes that need another for the sign', new Uint8Array(20).fill(0x80)],
  ])('refuses %s', (_, serial) => {
    expect(() => encodeSerial(serial)).toThrow(refused)
  })

  it('makes serials of 16 bytes whatever the random source says', () => {
    for (const fill of [0x00, 0xff]) {
      const serial = randomSerial({ randomBytes: (length) => new Uint8Array(length).fill(fill) })
      expect(encodeSerial(serial)).toHaveLength(18)
    }
    expect(randomSerial(nodeCrypto)).not.toEqual(randomSerial(nodeCrypto))
  })
})
