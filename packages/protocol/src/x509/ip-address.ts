import { CertificateError } from './certificate-error.ts'

const DECIMAL_BYTE = /^(?:0|[1-9]\d{0,2})$/
const HEX_GROUP = /^[0-9a-f]{1,4}$/i
const GROUPS = 8

/**
 * The 4 or 16 bytes of an IP address text.
 *
 * @throws CertificateError `ERR_CERTIFICATE_IP_ADDRESS` for anything else: ports, prefixes, zones, leading zeros
 * @see RFC 4291 section 2.2
 */
export function parseIpAddress(text: string): Uint8Array {
  const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text)
  if (bytes === undefined) throw new CertificateError('ERR_CERTIFICATE_IP_ADDRESS', 'text is not an IP address')
  return Uint8Array.from(bytes)
}

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.')
  const isValid = parts.length === 4 && parts.every((part) => DECIMAL_BYTE.test(part) && Number(part) <= 255)
  return isValid ? parts.map(Number) : undefined
}

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half, index) => parseGroups(half, index === halves.length - 1))
  if (head === undefined) return undefined
  if (halves.length === 1) return head.length === 2 * GROUPS ? head : undefined
  if (tail === undefined) return undefined
  const missing = 2 * GROUPS - head.length - tail.length
  // "::" stands for at least one group of zeros.
  return missing < 2 ? undefined : [...head, ...new Array<number>(missing).fill(0), ...tail]
}

function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return []
  const groups = text.split(':')
  const bytes: number[] = []
  for (const [index, group] of groups.entries()) {
    // The last two groups of the whole address may be written as an IPv4 address.
    const embedded = isEnd && index === groups.length - 1 && group.includes('.') ? parseIpv4(group) : undefined
    if (embedded !== undefined) bytes.push(...embedded)
    else if (HEX_GROUP.test(group)) bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff)
    else return undefined
  }
  return bytes
}
