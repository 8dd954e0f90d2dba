import { describe, expect, it } from 'vitest'
import { AddressRanges, parseAddressRange } from './address-range.ts'

describe('parseAddressRange', () => {
  it.each([
    ['10.0.0.0/8', { address: '10.0.0.0', prefix: 8, family: 'ipv4' }],
    ['127.0.0.1', { address: '127.0.0.1', prefix: 32, family: 'ipv4' }],
    ['fd00::/8', { address: 'fd00::', prefix: 8, family: 'ipv6' }],
    ['::1', { address: '::1', prefix: 128, family: 'ipv6' }],
    ['0.0.0.0/0', { address: '0.0.0.0', prefix: 0, family: 'ipv4' }],
  ])('reads %s', (text, range) => {
    expect(parseAddressRange(text)).toEqual(range)
  })

  it.each(
    [
      [
        '',
        'localhost',
        '10.0.0.0/33',
        '::/129',
        '10.0.0/8',
        '10.0.0.0/',
        '10.0.0.0/8/8',
        '10.0.0.0/-1',
        'fe80::1%eth0',
      ],
      ['010.0.0.1', ' 10.0.0.1', '10.0.0.1\n', '0x7f000001', '[::1]', '10.0.0.0/1e1', '/8'],
    ].flat(),
  )('refuses %j', (text) => {
    expect(parseAddressRange(text)).toBe(undefined)
  })
})

describe('AddressRanges', () => {
  it('holds each family to its own ranges', () => {
    const everythingIpv6 = new AddressRanges(['::/0'])
    expect(everythingIpv6.has('10.0.0.1')).toBe(false)
    expect(everythingIpv6.has('::ffff:10.0.0.1')).toBe(true)
    const everythingIpv4 = new AddressRanges(['0.0.0.0/0'])
    expect(everythingIpv4.has('::ffff:10.0.0.1')).toBe(false)
    expect(everythingIpv4.has('203.0.113.1')).toBe(true)
  })

  it('takes no text that is no range', () => {
    expect(() => new AddressRanges(['10.0.0.0/99'])).toThrow(TypeError)
  })
})
