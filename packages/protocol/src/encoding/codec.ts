import { decodeBase64url, encodeBase64url } from './base64url.ts'
import { decodeUtf8, encodeUtf8 } from './text.ts'

/**
 * Text to bytes and back, the way tokens need it. All codecs accept exactly the same input and give the same output;
 * a runtime's own may be several times faster than the portable one.
 */
export interface Codec {
  /** @throws EncodingError `ERR_ENCODING_BASE64URL` for anything but the one canonical text */
  decodeBase64url(text: string): Uint8Array
  /** The UTF-8 text that a base64url text stands for. @throws EncodingError `ERR_ENCODING_BASE64URL`, `ERR_ENCODING_UTF8` */
  decodeBase64urlText(text: string): string
  encodeBase64url(bytes: Uint8Array): string
  /** base64url of the UTF-8 bytes of a text. */
  encodeBase64urlText(text: string): string
  /** The bytes of a text that is known to be ASCII. */
  encodeAscii(text: string): Uint8Array
}

export const portableCodec: Codec = {
  decodeBase64url: (text) => decodeBase64url(text),
  decodeBase64urlText: (text) => decodeUtf8(decodeBase64url(text)),
  encodeBase64url,
  encodeBase64urlText: (text) => encodeBase64url(encodeUtf8(text)),
  encodeAscii: encodeUtf8,
}
