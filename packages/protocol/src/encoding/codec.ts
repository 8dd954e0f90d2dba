import { decodeBase64, encodeBase64 } from './base64.ts'
import { decodeBase64url, encodeBase64url } from './base64url.ts'
import { decodeUtf8, encodeUtf8 } from './text.ts'

/**
 * Text to bytes and back, the way tokens need it. All codecs accept exactly the same input and give the same output;
 * a runtime's own may be several times faster than the portable one.
 */
export interface Codec {
  /**
   * @param start where the base64url begins, default 0; it reaches to the text's end
   * @throws EncodingError `ERR_ENCODING_BASE64URL` for anything but the one canonical text
   */
  decodeBase64url(text: string, start?: number): Uint8Array
  /** The UTF-8 text that a base64url text stands for. @throws EncodingError `ERR_ENCODING_BASE64URL`, `ERR_ENCODING_UTF8` */
  decodeBase64urlText(text: string): string
  encodeBase64url(bytes: Uint8Array): string
  /** base64url of the UTF-8 bytes of a text. */
  encodeBase64urlText(text: string): string
  /** Padded base64. @throws EncodingError `ERR_ENCODING_BASE64URL` for anything but the one canonical text */
  decodeBase64(text: string): Uint8Array
  encodeBase64(bytes: Uint8Array): string
  /** The bytes of a text that is known to be ASCII. */
  encodeAscii(text: string): Uint8Array
}

export const portableCodec: Codec = {
  decodeBase64url: (text, start) => decodeBase64url(text, start),
  decodeBase64urlText: (text) => decodeUtf8(decodeBase64url(text)),
  encodeBase64url,
  encodeBase64urlText: (text) => encodeBase64url(encodeUtf8(text)),
  decodeBase64,
  encodeBase64,
  encodeAscii: encodeUtf8,
}
