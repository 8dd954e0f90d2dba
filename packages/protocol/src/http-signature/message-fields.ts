import { MAX_HEADER_BYTES, trimWhiteSpace } from '../http/request-fields.ts'
import { SignatureError } from './signature-error.ts'

/** The fields of one message by lower-case name, each with its values in order. */
export class MessageFields {
  /** Most fields have one value: only those that have more get a list. */
  readonly #values = new Map<string, string | string[]>()
  #size = 0

  /** @throws SignatureError `ERR_SIGNATURE_TOO_LARGE` above 64 KiB for the whole list */
  constructor(rawHeaders: readonly string[]) {
    this.add(rawHeaders)
  }

  /** @throws SignatureError `ERR_SIGNATURE_TOO_LARGE` above 64 KiB for all that was added */
  add(rawHeaders: readonly string[]): void {
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const rawName = rawHeaders[index] as string
      const value = rawHeaders[index + 1] as string
      this.#size += rawName.length + value.length
      if (this.#size > MAX_HEADER_BYTES) {
        throw new SignatureError('ERR_SIGNATURE_TOO_LARGE', `header fields are larger than ${MAX_HEADER_BYTES} bytes`)
      }
      const name = rawName.toLowerCase()
      const earlier = this.#values.get(name)
      // RFC 9110 section 5.5: white space around a value is not part of it.
      const trimmed = trimWhiteSpace(value)
      if (earlier === undefined) this.#values.set(name, trimmed)
      else if (typeof earlier === 'string') this.#values.set(name, [earlier, trimmed])
      else earlier.push(trimmed)
    }
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  values(name: string): readonly string[] | undefined {
    const values = this.#values.get(name)
    return typeof values === 'string' ? [values] : values
  }

  /** All values as one. RFC 9110 section 5.2. */
  combined(name: string): string | undefined {
    const values = this.#values.get(name)
    return typeof values === 'object' ? values.join(', ') : values
  }
}
