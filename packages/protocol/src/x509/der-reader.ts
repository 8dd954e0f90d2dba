import { CertificateError } from './certificate-error.ts'

/** One element. Its bytes are views, not copies. */
export class DerElement {
  readonly tag: number
  readonly #bytes: Uint8Array
  readonly #start: number
  readonly #contentStart: number
  readonly #end: number

  constructor(bytes: Uint8Array, start: number, contentStart: number, end: number) {
    this.tag = bytes[start] ?? 0
    this.#bytes = bytes
    this.#start = start
    this.#contentStart = contentStart
    this.#end = end
  }

  get content(): Uint8Array {
    return this.#bytes.subarray(this.#contentStart, this.#end)
  }

  /** Tag, length and content. */
  get raw(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end)
  }

  /** A reader for the elements inside. */
  open(depth = 0): DerReader {
    // Whoever read the whole has admitted its size.
    return new DerReader(this.#bytes, depth, this.#contentStart, this.#end, this.#bytes.length)
  }
}

/** Largest input, and deepest nesting, that a reader accepts. */
export const MAX_DER_BYTES = 64 * 1024
const MAX_DEPTH = 16

const LONG_FORM = 0x80
/** The tag number that announces further tag bytes; no type in a certificate needs one. */
const HIGH_TAG_NUMBER = 0x1f

/**
 * Reads DER, and only DER: definite and minimal lengths, single-byte tags, nothing left over. A value has exactly one
 * accepted encoding, so two readers cannot see two things in the same signed bytes.
 *
 * Every method throws CertificateError `ERR_CERTIFICATE_MALFORMED` and nothing else.
 *
 * @see X.690 sections 8.1 and 10.1
 */
export class DerReader {
  readonly #bytes: Uint8Array
  readonly #depth: number
  readonly #end: number
  #offset: number

  /** @throws CertificateError `ERR_CERTIFICATE_TOO_LARGE` for more than `maxBytes`, which is 64 KiB unless given */
  constructor(bytes: Uint8Array, depth = 0, start = 0, end = bytes.length, maxBytes = MAX_DER_BYTES) {
    if (bytes.length > maxBytes) {
      throw new CertificateError('ERR_CERTIFICATE_TOO_LARGE', `encoding is longer than ${maxBytes} bytes`)
    }
    if (depth > MAX_DEPTH) throw malformed('elements are nested too deeply')
    this.#bytes = bytes
    this.#depth = depth
    this.#offset = start
    this.#end = end
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#end
  }

  /** The next element's tag, or `undefined` at the end. */
  peekTag(): number | undefined {
    return this.isAtEnd ? undefined : this.#bytes[this.#offset]
  }

  next(): DerElement {
    const start = this.#offset
    const tag = this.#readByte()
    if ((tag & HIGH_TAG_NUMBER) === HIGH_TAG_NUMBER) throw malformed('tag has more than one byte')
    const length = this.#readLength()
    const contentStart = this.#offset
    const end = contentStart + length
    if (end > this.#end) throw malformed('element is longer than what holds it')
    this.#offset = end
    return new DerElement(this.#bytes, start, contentStart, end)
  }

  /** The next element, which must have this tag. */
  expect(tag: number): DerElement {
    if (this.peekTag() !== tag) throw malformed('element is missing or of another type', `expected tag ${tag}`)
    return this.next()
  }

  /** The next element if it has this tag. */
  optional(tag: number): DerElement | undefined {
    return this.peekTag() === tag ? this.next() : undefined
  }

  /** A reader for the inside of the next element, which must have this tag. */
  enter(tag: number): DerReader {
    return this.expect(tag).open(this.#depth + 1)
  }

  /** Refuses trailing bytes. */
  finish(): void {
    if (!this.isAtEnd) throw malformed('bytes are left over')
  }

  #readByte(): number {
    const byte = this.#bytes[this.#offset]
    if (byte === undefined || this.isAtEnd) throw malformed('encoding ends too early')
    this.#offset++
    return byte
  }

  #readLength(): number {
    const first = this.#readByte()
    if (first < LONG_FORM) return first
    const count = first & 0x7f
    if (count === 0) throw malformed('length is indefinite')
    // Three bytes reach far beyond the size limit; refusing more keeps the arithmetic below exact.
    if (count > 3) throw malformed('length is too large')
    let length = 0
    for (let index = 0; index < count; index++) length = length * 256 + this.#readByte()
    if (length < LONG_FORM || length < 256 ** (count - 1)) throw malformed('length is not minimal')
    return length
  }
}

export function malformed(message: string, detail?: string): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_MALFORMED', message, detail === undefined ? {} : { detail })
}
