import type { HeaderField } from './header-field.ts'

const WITHOUT_INDEXING_NEW_NAME = 0x00

/**
 * A header block that refers to nothing and leaves nothing behind, so that it means the same to every decoder.
 * RFC 7541 section 6.2.2.
 */
export function encodeLiterals(fields: readonly HeaderField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ name, value }) => [
      Buffer.of(WITHOUT_INDEXING_NEW_NAME),
      encodeLength(name.length),
      Buffer.from(name, 'latin1'),
      encodeLength(value.length),
      Buffer.from(value, 'latin1'),
    ]),
  )
}

/** Length of a string that is not Huffman-coded: a number with a prefix of 7 bits. RFC 7541 section 5.1. */
function encodeLength(length: number): Buffer {
  if (length < 0x7f) return Buffer.of(length)
  const octets = [0x7f]
  let rest = length - 0x7f
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets.push((rest % 0x80) | 0x80)
  octets.push(rest)
  return Buffer.from(octets)
}
