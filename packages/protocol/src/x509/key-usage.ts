import { malformed } from './der-reader.ts'
import { DerTag } from './der-tag.ts'
import { decodeBitNumbers } from './der-values.ts'
import { encodeElement } from './der-writer.ts'

/** In the order of their bits. RFC 5280 section 4.2.1.3. */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const

export type KeyUsage = (typeof KEY_USAGES)[number]

export function encodeKeyUsage(usages: readonly KeyUsage[]): Uint8Array {
  const bits = usages.map((usage) => KEY_USAGES.indexOf(usage))
  const last = Math.max(...bits)
  const content = new Uint8Array(2 + (last >> 3))
  content[0] = 7 - (last & 7)
  for (const bit of bits) content[1 + (bit >> 3)] = (content[1 + (bit >> 3)] ?? 0) | (0x80 >> (bit & 7))
  return encodeElement(DerTag.bitString, content)
}

/** @throws CertificateError `ERR_CERTIFICATE_MALFORMED`, also for a bit without a meaning or no bit at all */
export function decodeKeyUsage(content: Uint8Array): ReadonlySet<KeyUsage> {
  return new Set(
    decodeBitNumbers(content).map((bit) => {
      const usage = KEY_USAGES[bit]
      if (usage === undefined) throw malformed('key usage has an unknown bit')
      return usage
    }),
  )
}
