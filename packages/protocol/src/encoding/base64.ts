import { decodeBase64url, encodeBase64url } from './base64url.ts'
import { EncodingError } from './encoding-error.ts'

/** Standard, padded base64, as certificates in JSON and PEM use it. RFC 4648 section 4. */
export function encodeBase64(bytes: Uint8Array): string {
  const text = encodeBase64url(bytes).replaceAll('-', '+').replaceAll('_', '/')
  return text + '='.repeat((4 - (text.length % 4)) % 4)
}

/** @throws EncodingError `ERR_ENCODING_BASE64URL` unless the text is the one canonical padded form */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 4 !== 0 || text.includes('-') || text.includes('_')) {
    throw new EncodingError('ERR_ENCODING_BASE64URL', 'text is not padded base64')
  }
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return decodeBase64url(
    text
      .slice(0, text.length - padding)
      .replaceAll('+', '-')
      .replaceAll('/', '_'),
  )
}
