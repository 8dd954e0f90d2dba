import { isIP } from 'node:net'
import { AddressRanges } from './address-range.ts'

/**
 * IPv4 ranges that are not the public Internet's. Reaching one through a bundle endpoint would lend this server's place
 * in the network to whoever can answer a DNS query or a redirect.
 *
 * @see IANA IPv4 Special-Purpose Address Registry
 */
const SPECIAL_IPV4 = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
]

/** All that is routed between sites; loopback, link-local, unique local, mapped and translated addresses are not in it. */
const GLOBAL_IPV6 = ['2000::/3']
/** Parts of it that lead elsewhere: Teredo and other protocols, 6to4 with an IPv4 address inside, documentation. */
const SPECIAL_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

/**
 * Where no bundle endpoint is, whatever the operator allows: a range written too wide must not open the services that
 * hand out a cloud machine's credentials to all that can reach them, nor IPv4 addresses in IPv6 dress.
 */
const FORBIDDEN = [
  '0.0.0.0/8',
  '100.100.100.200',
  '168.63.129.16',
  '169.254.0.0/16',
  '192.0.0.192',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::',
  '::ffff:0:0/96',
  'fd00:ec2::/32',
  'fe80::/10',
  'ff00::/8',
]

const SPECIAL = new AddressRanges([...SPECIAL_IPV4, ...SPECIAL_IPV6])
const GLOBAL = new AddressRanges(GLOBAL_IPV6)
const NEVER = new AddressRanges(FORBIDDEN)

/** Which addresses a bundle may be fetched from: those of the public Internet, and what the operator allows besides. */
export class AddressPolicy {
  readonly #allowed: AddressRanges

  /** @param allowed address ranges; one that cannot be read is a bug: they were checked before they were stored */
  constructor(allowed: readonly string[]) {
    this.#allowed = new AddressRanges(allowed)
  }

  /** @param address as the resolver or the URL gave it; a name, or an address with a zone, is never allowed */
  allows(address: string): boolean {
    const version = address.includes('%') ? 0 : isIP(address)
    if (version === 0 || NEVER.has(address)) return false
    if (this.#allowed.has(address)) return true
    if (SPECIAL.has(address)) return false
    return version === 4 || GLOBAL.has(address)
  }
}
