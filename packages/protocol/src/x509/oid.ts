import { malformed } from './der-reader.ts'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'

/** The object identifiers this package knows. RFC 5280 section 4.2, RFC 5480, RFC 8410, RFC 8017, RFC 2985. */
export const Oid = {
  commonName: '2.5.4.3',
  serialNumber: '2.5.4.5',
  organization: '2.5.4.10',

  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  crlReason: '2.5.29.21',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',

  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',

  ecPublicKey: '1.2.840.10045.2.1',
  p256: '1.2.840.10045.3.1.7',
  p384: '1.3.132.0.34',
  p521: '1.3.132.0.35',
  ed25519: '1.3.101.112',
  rsaEncryption: '1.2.840.113549.1.1.1',

  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  ecdsaWithSha512: '1.2.840.10045.4.3.4',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  sha384WithRsa: '1.2.840.113549.1.1.12',
  sha512WithRsa: '1.2.840.113549.1.1.13',
  rsassaPss: '1.2.840.113549.1.1.10',
  mgf1: '1.2.840.113549.1.1.8',

  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',

  extensionRequest: '1.2.840.113549.1.9.14',
} as const

const MAX_BYTES = 64

/** OBJECT IDENTIFIER, tag and length included, of a dotted text that is written in the source. */
export function encodeOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const content = [first * 40 + second, ...rest].flatMap(encodeArc)
  return encodeElement(DerTag.oid, Uint8Array.from(content))
}

/**
 * The dotted text of an OBJECT IDENTIFIER's content.
 *
 * @throws CertificateError `ERR_CERTIFICATE_MALFORMED` when empty, unfinished, longer than 64 bytes, or with an arc
 *   that is padded
 * @see X.690 section 8.19
 */
export function decodeOid(content: Uint8Array): string {
  if (content.length === 0 || content.length > MAX_BYTES) throw malformed('object identifier has an impossible length')
  let dotted = ''
  let start = 0
  for (let index = 0; index < content.length; index++) {
    if ((content[index] as number) >= 0x80) continue
    const arc = decodeArc(content, start, index)
    dotted += start === 0 ? splitFirstArc(arc) : `.${arc}`
    start = index + 1
  }
  if (start !== content.length) throw malformed('object identifier ends too early')
  return dotted
}

/** An arc that a number holds exactly takes at most seven bytes of seven bits. Longer ones exist: UUIDs under 2.25. */
const MAX_NUMBER_BYTES = 7

function decodeArc(content: Uint8Array, start: number, end: number): number | bigint {
  if (content[start] === 0x80) throw malformed('object identifier is not minimal')
  if (end - start >= MAX_NUMBER_BYTES) {
    return content.subarray(start, end + 1).reduce((arc, byte) => (arc << 7n) | BigInt(byte & 0x7f), 0n)
  }
  let arc = 0
  for (let index = start; index <= end; index++) arc = arc * 128 + ((content[index] as number) & 0x7f)
  return arc
}

/** X.690 section 8.19.4: the first two arcs are one number, 40 times the first plus the second. */
function splitFirstArc(joint: number | bigint): string {
  if (joint < 40) return `0.${joint}`
  if (joint < 80) return `1.${Number(joint) - 40}`
  return `2.${typeof joint === 'bigint' ? joint - 80n : joint - 80}`
}

function encodeArc(arc: number): number[] {
  const bytes = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(0x80 | (rest % 128))
  return bytes
}
