import { malformed, tooLarge } from '../http2-input-error.ts'
import { fieldSize, type HeaderField } from './header-field.ts'
import { decodeHuffman } from './huffman.ts'
import { STATIC_TABLE } from './static-table.ts'

/** What a peer may use before it is told otherwise, and we never tell it otherwise. RFC 9113 section 6.5.2. */
const MAX_TABLE_BYTES = 4096
/** No number in a block that is small enough needs more octets after its prefix. */
const MAX_INTEGER_OCTETS = 4

/** Reads the header blocks of one connection, in order: each may refer to what came before. RFC 7541. */
export class HpackDecoder {
  readonly #maxListBytes: number
  /** Newest last. */
  readonly #table: HeaderField[] = []
  #tableBytes = 0
  #maxTableBytes = MAX_TABLE_BYTES

  /** @param maxListBytes most a block may unfold to, counted as in RFC 9113 section 6.5.2: one octet can stand for 4 KiB */
  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes
  }

  /**
   * @throws Http2InputError the connection is of no more use then: nobody knows what later blocks mean
   */
  decode(block: Buffer): HeaderField[] {
    const reader = new BlockReader(block)
    const fields: HeaderField[] = []
    let listBytes = 0
    while (!reader.atEnd) {
      const field = this.#readField(reader, fields.length === 0)
      if (field === undefined) continue
      listBytes += fieldSize(field)
      if (listBytes > this.#maxListBytes) throw tooLarge('headers of a request')
      fields.push(field)
    }
    return fields
  }

  /** One representation. RFC 7541 section 6. @returns `undefined` for one that is no field */
  #readField(reader: BlockReader, first: boolean): HeaderField | undefined {
    const octet = reader.peek()
    if ((octet & 0x80) !== 0) return this.#at(reader.integer(7))
    if ((octet & 0xc0) === 0x40) {
      const field = this.#readLiteral(reader, 6)
      this.#remember(field)
      return field
    }
    if ((octet & 0xe0) === 0x20) {
      if (!first) throw malformed('table size changes inside a block')
      this.#resize(reader.integer(5))
      return undefined
    }
    return this.#readLiteral(reader, 4)
  }

  #readLiteral(reader: BlockReader, prefixBits: number): HeaderField {
    const index = reader.integer(prefixBits)
    const name = index === 0 ? reader.string() : this.#at(index).name
    return { name, value: reader.string() }
  }

  #at(index: number): HeaderField {
    const field =
      index <= STATIC_TABLE.length
        ? STATIC_TABLE[index - 1]
        : this.#table[this.#table.length - (index - STATIC_TABLE.length)]
    if (field === undefined) throw malformed('index of a field does not exist')
    return field
  }

  /** RFC 7541 section 4.4: a field larger than the table empties it. */
  #remember(field: HeaderField): void {
    const size = fieldSize(field)
    this.#evict(this.#maxTableBytes - size)
    if (size > this.#maxTableBytes) return
    this.#table.push(field)
    this.#tableBytes += size
  }

  #resize(maxTableBytes: number): void {
    if (maxTableBytes > MAX_TABLE_BYTES) throw malformed('table is larger than allowed')
    this.#maxTableBytes = maxTableBytes
    this.#evict(maxTableBytes)
  }

  #evict(maxBytes: number): void {
    while (this.#tableBytes > maxBytes) {
      const oldest = this.#table.shift()
      if (oldest === undefined) return
      this.#tableBytes -= fieldSize(oldest)
    }
  }
}

class BlockReader {
  readonly #block: Buffer
  #at = 0

  constructor(block: Buffer) {
    this.#block = block
  }

  get atEnd(): boolean {
    return this.#at >= this.#block.length
  }

  peek(): number {
    const octet = this.#block[this.#at]
    if (octet === undefined) throw malformed('block ends too early')
    return octet
  }

  /** RFC 7541 section 5.1. */
  integer(prefixBits: number): number {
    const max = 2 ** prefixBits - 1
    let value = this.#octet() & max
    if (value < max) return value
    for (let octets = 0; octets < MAX_INTEGER_OCTETS; octets++) {
      const octet = this.#octet()
      value += (octet & 0x7f) * 2 ** (7 * octets)
      if ((octet & 0x80) === 0) return value
    }
    throw malformed('number is too large')
  }

  /** RFC 7541 section 5.2. */
  string(): string {
    const isHuffman = (this.peek() & 0x80) !== 0
    const length = this.integer(7)
    const end = this.#at + length
    if (end > this.#block.length) throw malformed('block ends too early')
    const octets = this.#block.subarray(this.#at, end)
    this.#at = end
    return isHuffman ? decodeHuffman(octets) : octets.toString('latin1')
  }

  #octet(): number {
    const octet = this.peek()
    this.#at += 1
    return octet
  }
}
