/** One length-delimited or numeric field of a protobuf message. */
export interface ProtobufField {
  readonly number: number
  /** Of a length-delimited field; empty for the others. */
  readonly octets: Uint8Array
}

/**
 * The fields of a protobuf message, in their order, without its definition.
 *
 * @returns `undefined` when the octets are no message
 * @see https://protobuf.dev/programming-guides/encoding
 */
export function readProtobufFields(message: Uint8Array): readonly ProtobufField[] | undefined {
  const fields: ProtobufField[] = []
  let at = 0
  while (at < message.length) {
    const tag = readVarint(message, at)
    if (tag === undefined) return undefined
    const [number, wireType] = [Math.floor(tag.value / 8), tag.value % 8]
    const size = sizeOf(message, tag.next, wireType)
    if (size === undefined || number === 0 || size.end > message.length) return undefined
    fields.push({ number, octets: message.subarray(size.start, size.end) })
    at = size.end
  }
  return fields
}

function sizeOf(message: Uint8Array, at: number, wireType: number): { start: number; end: number } | undefined {
  switch (wireType) {
    case 0: {
      const varint = readVarint(message, at)
      return varint === undefined ? undefined : { start: varint.next, end: varint.next }
    }
    case 1:
      return { start: at + 8, end: at + 8 }
    case 2: {
      const length = readVarint(message, at)
      return length === undefined ? undefined : { start: length.next, end: length.next + length.value }
    }
    case 5:
      return { start: at + 4, end: at + 4 }
    default:
      return undefined
  }
}

function readVarint(message: Uint8Array, at: number): { value: number; next: number } | undefined {
  let value = 0
  for (let index = 0; index < 10; index++) {
    const octet = message[at + index]
    if (octet === undefined) return undefined
    value += (octet & 0x7f) * 2 ** (7 * index)
    if (octet < 0x80) return { value, next: at + index + 1 }
  }
  return undefined
}
