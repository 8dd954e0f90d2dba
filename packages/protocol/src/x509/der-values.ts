import { malformed } from './der-reader.ts'

/** X.690 section 11.1: TRUE is 0xff and nothing else. */
export function decodeBoolean(content: Uint8Array): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw malformed('boolean is not canonical')
  return content[0] === 0xff
}

/**
 * The magnitude of a non-negative INTEGER, without the zero byte that keeps it from being negative.
 *
 * @see X.690 section 8.3.2: the first nine bits are never all alike
 */
export function decodeUnsigned(content: Uint8Array): Uint8Array {
  const [first, second] = content
  if (first === undefined) throw malformed('integer is empty')
  if (first >= 0x80) throw malformed('integer is negative')
  if (first !== 0 || second === undefined) return content
  if (second < 0x80) throw malformed('integer is not minimal')
  return content.subarray(1)
}

/** A small count, such as a version or a path length. */
export function decodeSmallInteger(content: Uint8Array): number {
  const magnitude = decodeUnsigned(content)
  if (magnitude.length > 2) throw malformed('integer is too large')
  return magnitude.reduce((value, byte) => value * 256 + byte, 0)
}

/** The bytes of a BIT STRING that is a whole number of bytes: a signature or a public key. */
export function decodeWholeBitString(content: Uint8Array): Uint8Array {
  if (content.length < 2 || content[0] !== 0) throw malformed('bit string is not a whole number of bytes')
  return content.subarray(1)
}

/**
 * The numbers of the bits that are set in a named bit list.
 *
 * @see X.690 section 11.2.2: such a list ends with a bit that is set
 */
export function decodeBitNumbers(content: Uint8Array): readonly number[] {
  const [unused, ...bytes] = content
  const last = bytes.at(-1)
  if (unused === undefined || unused > 7 || last === undefined) throw malformed('bit list is empty')
  if (bytes.length > 4) throw malformed('bit list is too long')
  if ((last & ((2 << unused) - 1)) !== 1 << unused) throw malformed('bit list is not minimal')
  const numbers: number[] = []
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    if (((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0) numbers.push(bit)
  }
  return numbers
}

/** IA5String without control characters: those are how a name was once cut short for C programs. */
export function decodeIa5(content: Uint8Array): string {
  let text = ''
  for (const byte of content) {
    if (byte < 0x20 || byte > 0x7e) throw malformed('name has a character outside printable ASCII')
    text += String.fromCharCode(byte)
  }
  return text
}
