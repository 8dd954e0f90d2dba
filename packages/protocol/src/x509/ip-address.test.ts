import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIpAddress } from './ip-address.ts'

const hex = (text: string) => Array.from(parseIpAddress(text), (byte) => byte.toString(16).padStart(2, '0')).join('')

describe('parseIpAddress', () => {
  it.each([
    ['127.0.0.1', '7f000001'],
    ['::', '0'.repeat(32)],
    ['::1', `${'0'.repeat(31)}1`],
    ['2001:db8::8:800:200C:417a', '20010db80000000000080800200c417a'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1::', `0001${'0'.repeat(28)}`],
    ['::ffff:192.0.2.1', `${'0'.repeat(20)}ffffc0000201`],
  ])('reads %s', (text, bytes) => {
    expect(hex(text)).toBe(bytes)
  })

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.4/8',
    '1.2.3.4:80',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '12345::',
    'fe80::1%eth0',
    '[::1]',
    '1.2.3.4::',
    'localhost',
  ])('refuses "%s"', (text) => {
    expect(() => parseIpAddress(text)).toThrow(expect.objectContaining({ code: 'ERR_CERTIFICATE_IP_ADDRESS' }))
  })

  it('agrees with node on what an address is', () => {
    const anything = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: fc.constantFrom('0', '1', '9', 'a', 'f', ':', '.'), maxLength: 20 }),
    )
    fc.assert(
      fc.property(anything, (text) => {
        const accepted = () => {
          try {
            return parseIpAddress(text).length
          } catch {
            return 0
          }
        }
        // The only difference: "1:2:3:4:5:6:7::" is legal for node, and "::" for one group is not written (RFC 5952).
        const expected = { 0: 0, 4: 4, 6: 16 }[isIP(text)]
        const groups = text.split(':').filter((group) => group !== '').length + (text.includes('.') ? 1 : 0)
        if (text.includes('::') && groups === 8) return
        expect(accepted()).toBe(expected)
      }),
      { numRuns: 500 },
    )
  })
})
