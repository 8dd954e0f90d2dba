/** Bytes that an element with this much content takes, tag and length included. */
export function derSize(contentLength: number): number {
  if (contentLength < 0x80) return contentLength + 2
  if (contentLength < 0x100) return contentLength + 3
  if (contentLength < 0x10000) return contentLength + 4
  return contentLength + 5
}

/** Fills one buffer whose exact size is known beforehand. Sizes that do not add up are programmer mistakes. */
export class DerWriter {
  readonly #bytes: Uint8Array
  #offset = 0

  /** @param target the size, or what is to be filled */
  constructor(target: number | Uint8Array) {
    this.#bytes = typeof target === 'number' ? new Uint8Array(target) : target
  }

  /** Opens an element: tag and minimal length. Its content is written next. */
  header(tag: number, contentLength: number): this {
    const bytes = this.#bytes
    bytes[this.#offset++] = tag
    if (contentLength >= 0x80) {
      const lengthBytes = contentLength < 0x100 ? 1 : contentLength < 0x10000 ? 2 : 3
      bytes[this.#offset++] = 0x80 | lengthBytes
      if (lengthBytes > 2) bytes[this.#offset++] = contentLength >> 16
      if (lengthBytes > 1) bytes[this.#offset++] = contentLength >> 8
    }
    bytes[this.#offset++] = contentLength
    return this
  }

  byte(value: number): this {
    this.#bytes[this.#offset++] = value
    return this
  }

  put(bytes: Uint8Array): this {
    this.#bytes.set(bytes, this.#offset)
    this.#offset += bytes.length
    return this
  }

  /** Text that is known to be ASCII, one byte for each character. */
  ascii(text: string): this {
    for (let index = 0; index < text.length; index++) this.#bytes[this.#offset++] = text.charCodeAt(index)
    return this
  }

  finish(): Uint8Array {
    if (this.#offset !== this.#bytes.length) throw new RangeError('DER buffer was sized wrongly')
    return this.#bytes
  }
}

/** Encodes one element from parts that are already encoded. */
export function encodeElement(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const writer = new DerWriter(derSize(length)).header(tag, length)
  for (const part of parts) writer.put(part)
  return writer.finish()
}
