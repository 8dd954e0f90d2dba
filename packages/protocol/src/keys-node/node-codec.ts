import { Buffer, isUtf8 } from 'node:buffer'
import type { Codec } from '../encoding/codec.ts'
import { EncodingError } from '../encoding/encoding-error.ts'

/** The codec on node:buffer. Short-lived bytes come from its pool, which spares both time and garbage. */
export const nodeCodec: Codec = {
  decodeBase64url: decode,

  decodeBase64urlText(text) {
    const bytes = decode(text)
    if (!isUtf8(bytes)) throw new EncodingError('ERR_ENCODING_UTF8', 'text is not well-formed UTF-8')
    return bytes.toString('utf8')
  },

  encodeBase64url: (bytes) => view(bytes).toString('base64url'),
  encodeBase64urlText: (text) => Buffer.from(text, 'utf8').toString('base64url'),
  encodeAscii: (text) => Buffer.from(text, 'latin1'),
}

function decode(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  // node:buffer forgives padding, white space, the other alphabet and stray bits. Only a canonical text comes back.
  if (bytes.toString('base64url') !== text) {
    throw new EncodingError('ERR_ENCODING_BASE64URL', 'text is not base64url')
  }
  return bytes
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
