import { MAX_HEADER_BYTES, trimWhiteSpace } from '../http/request-fields.ts'
import { SignatureError } from './signature-error.ts'

/** The fields of one message by lower-case name, each with its values in order. */
export class MessageFields {
  readonly #values = new Map<string, string[]>()

  /** @throws SignatureError `ERR_SIGNATURE_TOO_LARGE` above 64 KiB for the whole list */
  constructor(rawHeaders: readonly string[]) {
    let size = 0
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const rawName = rawHeaders[index] as string
      const value = rawHeaders[index + 1] as string
      size += rawName.length + value.length
      if (size > MAX_HEADER_BYTES) {
        throw new SignatureError('ERR_SIGNATURE_TOO_LARGE', `header fields are larger than ${MAX_HEADER_BYTES} bytes`)
      }
      const name = rawName.toLowerCase()
      const values = this.#values.get(name)
      // RFC 9110 section 5.5: white space around a value is not part of it.
      const trimmed = trimWhiteSpace(value)
      if (values === undefined) this.#values.set(name, [trimmed])
      else values.push(trimmed)
    }
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  values(name: string): readonly string[] | undefined {
    return this.#values.get(name)
  }

  /** All values as one. RFC 9110 section 5.2. */
  combined(name: string): string | undefined {
    return this.#values.get(name)?.join(', ')
  }
}
