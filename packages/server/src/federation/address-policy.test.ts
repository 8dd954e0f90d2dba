import { describe, expect, it } from 'vitest'
import { AddressPolicy } from './address-policy.ts'

const byDefault = new AddressPolicy([])
const everything = new AddressPolicy(['0.0.0.0/0', '::/0'])

const PUBLIC = ['1.1.1.1', '9.255.255.255', '11.0.0.0', '172.15.255.255', '172.32.0.0', '223.255.255.255']
const PUBLIC_IPV6 = ['2001:4860:4860::8888', '2606:4700::1111', '2a00::1', '3ffe::1']

/** Each is the first or last of its range, or what is in it that an attacker would ask for. */
const PRIVATE = [
  ...['10.0.0.0', '10.255.255.255', '100.64.0.0', '100.127.255.255', '127.0.0.1', '127.255.255.255'],
  ...['172.16.0.0', '172.31.255.255', '192.0.0.1', '192.0.2.1', '192.88.99.1', '192.168.0.0', '192.168.255.255'],
  ...['198.18.0.0', '198.19.255.255', '198.51.100.1', '203.0.113.255'],
]
const PRIVATE_IPV6 = [
  ...['::1', '::7f00:1', 'fc00::1', 'fdff:ffff::1', '64:ff9b::7f00:1', '64:ff9b:1::1', '100::1', '2001::1'],
  ...['2001:db8::1', '2002:7f00:1::', '3fff::1', 'fec0::1', '4000::1', '::ffff:0:7f00:1'],
]
const FORBIDDEN = [
  ...['0.0.0.0', '0.255.255.255', '169.254.0.0', '169.254.169.254', '169.254.255.255', '224.0.0.1', '239.255.255.255'],
  ...['240.0.0.1', '255.255.255.255', '168.63.129.16', '100.100.100.200', '192.0.0.192', '::', 'fe80::1', 'febf::1'],
  ...['fd00:ec2::254', 'ff02::1', '::ffff:1.1.1.1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:169.254.169.254'],
]

describe('AddressPolicy', () => {
  it.each([...PUBLIC, ...PUBLIC_IPV6])('allows the public address %s', (address) => {
    expect(byDefault.allows(address)).toBe(true)
  })

  it.each([...PRIVATE, ...PRIVATE_IPV6])('refuses %s, unless the operator allows it', (address) => {
    expect(byDefault.allows(address)).toBe(false)
    expect(new AddressPolicy([address]).allows(address)).toBe(true)
    expect(everything.allows(address)).toBe(true)
  })

  it.each(FORBIDDEN)('refuses %s, whatever the operator allows', (address) => {
    expect(byDefault.allows(address)).toBe(false)
    expect(everything.allows(address)).toBe(false)
    expect(new AddressPolicy([address]).allows(address)).toBe(false)
  })

  it('opens nothing beside what is allowed', () => {
    const policy = new AddressPolicy(['10.1.0.0/16', 'fd12::/16'])
    expect(['10.1.2.3', 'fd12::1'].map((address) => policy.allows(address))).toEqual([true, true])
    expect(['10.2.0.1', '127.0.0.1', '::1', 'fd13::1'].map((address) => policy.allows(address))).toEqual(
      Array(4).fill(false),
    )
    expect(policy.allows('1.1.1.1')).toBe(true)
  })

  it.each(['localhost', '', 'fe80::1%eth0', '2001:4860::1%1', '010.0.0.1', '1.1.1', '0x01010101', '[::1]'])(
    'refuses %j, which is no address',
    (text) => {
      expect(everything.allows(text)).toBe(false)
    },
  )
})
