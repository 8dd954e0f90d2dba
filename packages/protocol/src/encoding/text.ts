import { EncodingError } from './encoding-error.ts'

const encoder = new TextEncoder()
// A byte order mark is kept, so that JSON parsing refuses it.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text)
}

/** @throws EncodingError `ERR_ENCODING_UTF8` for any ill-formed sequence: nothing is replaced silently */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new EncodingError('ERR_ENCODING_UTF8', 'text is not well-formed UTF-8', { cause })
  }
}
