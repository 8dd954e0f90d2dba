import { Buffer, isUtf8 } from 'node:buffer'
import { decodeBase64urlInto, decodedLength } from '../encoding/base64url.ts'
import type { Codec } from '../encoding/codec.ts'
import { EncodingError } from '../encoding/encoding-error.ts'

/** Up to the size of a signature, three calls across node's boundary cost more than the work that they do. */
const SHORT_TEXT = 128

/** Characters of the longest token's longest part: what {@link textBuffer} is large enough for. */
const MAX_TEXT = 16_384

/** Bytes on their way to a text: one buffer for all, as each is read before the next is written. */
const textBuffer = Buffer.alloc(MAX_TEXT)

/** The codec on node:buffer. Short-lived bytes come from its pool, which spares both time and garbage. */
export const nodeCodec: Codec = {
  decodeBase64url(text, start = 0) {
    const length = text.length - start
    if (length > SHORT_TEXT) return decode(text.slice(start), 'base64url')
    const bytes = Buffer.allocUnsafe(decodedLength(length))
    decodeBase64urlInto(bytes, text, start, text.length)
    return bytes
  },

  decodeBase64urlText(text) {
    requireBase64url(text)
    const buffer = text.length > MAX_TEXT ? Buffer.allocUnsafe(text.length) : textBuffer
    const length = buffer.write(text, 'base64url')
    const decoded = buffer.toString('utf8', 0, length)
    // Whatever is not UTF-8 has become a replacement character; the text may also have one of its own.
    if (decoded.includes('\ufffd') && !isUtf8(buffer.subarray(0, length))) {
      throw new EncodingError('ERR_ENCODING_UTF8', 'text is not well-formed UTF-8')
    }
    return decoded
  },

  encodeBase64url: (bytes) => view(bytes).toString('base64url'),
  encodeBase64urlText(text) {
    // UTF-8 has at most three bytes for each unit of a text.
    if (text.length * 3 > MAX_TEXT) return Buffer.from(text, 'utf8').toString('base64url')
    return textBuffer.toString('base64url', 0, textBuffer.write(text, 'utf8'))
  },
  decodeBase64: (text) => decode(text, 'base64'),
  encodeBase64: (bytes) => view(bytes).toString('base64'),
  encodeAscii: (text) => Buffer.from(text, 'latin1'),
}

function decode(text: string, encoding: 'base64' | 'base64url'): Buffer {
  const bytes = Buffer.from(text, encoding)
  // node:buffer forgives padding, white space, the other alphabet and stray bits. Only a canonical text comes back.
  if (bytes.toString(encoding) !== text) {
    throw new EncodingError('ERR_ENCODING_BASE64URL', `text is not ${encoding}`)
  }
  return bytes
}

const ALPHABET = /^[\w-]*$/
/** Characters whose unused bits are zero, where a text ends with two, or with three, characters of a group. */
const LAST_OF_TWO = 'AQgw'
const LAST_OF_THREE = 'AEIMQUYcgkosw048'

/** The same rule as {@link decode}'s, for a longer text: nothing is made only to be compared. */
function requireBase64url(text: string): void {
  const tail = text.length & 3
  const lasts = tail === 2 ? LAST_OF_TWO : LAST_OF_THREE
  const isCanonical = tail === 0 || (tail !== 1 && lasts.includes(text.charAt(text.length - 1)))
  if (!isCanonical || !ALPHABET.test(text)) {
    throw new EncodingError('ERR_ENCODING_BASE64URL', 'text is not base64url')
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
