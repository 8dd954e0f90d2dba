import { BlockList, isIP } from 'node:net'

/** Addresses that share their first bits. */
export interface AddressRange {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

/** Reads `10.0.0.0/8`, `fd00::/8`, or one address. @returns undefined for anything else */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [, address = '', length] = /^([0-9A-Fa-f.:]{2,45})(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  const bits = version === 4 ? 32 : 128
  const prefix = length === undefined ? bits : Number(length)
  if (version === 0 || prefix > bits) return undefined
  return { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' }
}

/** Ranges of both families. Kept apart: Node's list would take an IPv6 range for the IPv4 addresses that it maps. */
export class AddressRanges {
  readonly #lists = { ipv4: new BlockList(), ipv6: new BlockList() }

  /** @throws TypeError for what is no range: whoever reads them from outside checks first */
  constructor(ranges: readonly string[]) {
    for (const text of ranges) {
      const range = parseAddressRange(text)
      if (range === undefined) throw new TypeError(`not an address range: ${text}`)
      this.#lists[range.family].addSubnet(range.address, range.prefix, range.family)
    }
  }

  /** @param address IPv4 or IPv6, without a zone */
  has(address: string): boolean {
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    return this.#lists[family].check(address, family)
  }
}
