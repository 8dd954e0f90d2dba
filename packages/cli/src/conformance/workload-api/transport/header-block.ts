/** A header field as it goes over the wire: any name, any number of times. */
export type HeaderField = readonly [name: string, value: string]

/** `Literal Header Field without Indexing — New Name`: neither side remembers anything of it. */
const LITERAL = 0x00
const MAX_PREFIX = 0x7f

/**
 * Encodes header fields so that a block stands by itself: no static or dynamic table, no Huffman code. Judges nothing, so
 * that a request may be one that no library would send.
 *
 * @see RFC 7541 section 6.2.2
 */
export function encodeHeaderBlock(fields: readonly HeaderField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.of(LITERAL), ...encodeString(name), ...encodeString(value)]),
  )
}

/** RFC 7541 section 5.2, with the Huffman bit off. */
function encodeString(text: string): readonly Buffer[] {
  const octets = Buffer.from(text, 'latin1')
  return [encodeLength(octets.length), octets]
}

/** An integer with a prefix of seven bits. RFC 7541 section 5.1. */
function encodeLength(length: number): Buffer {
  if (length < MAX_PREFIX) return Buffer.of(length)
  const octets = [MAX_PREFIX]
  let rest = length - MAX_PREFIX
  while (rest >= 0x80) {
    octets.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  octets.push(rest)
  return Buffer.from(octets)
}
