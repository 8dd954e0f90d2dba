import { EncodingError } from './encoding-error.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const INVALID = 0xff

const encodeTable = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0))
const decodeTable = new Uint8Array(256).fill(INVALID)
for (let index = 0; index < 64; index++) decodeTable[encodeTable[index] as number] = index

const latin1 = new TextDecoder('latin1')
/** Up to the size of a signature, calling the decoder costs more than it saves. */
const SHORT_TEXT = 128

/** Applied, not spread: an iterator costs more than the text. */
const fromCharCodes = (codes: Uint8Array): string => String.fromCharCode.apply(undefined, codes as unknown as number[])

/** Unpadded base64url of the bytes. RFC 7515 section 2. */
export function encodeBase64url(bytes: Uint8Array): string {
  const length = bytes.length
  const text = new Uint8Array(Math.ceil((length * 4) / 3))
  let read = 0
  let write = 0
  for (; read + 2 < length; read += 3) {
    const group = ((bytes[read] as number) << 16) | ((bytes[read + 1] as number) << 8) | (bytes[read + 2] as number)
    text[write++] = encodeTable[group >> 18] as number
    text[write++] = encodeTable[(group >> 12) & 63] as number
    text[write++] = encodeTable[(group >> 6) & 63] as number
    text[write++] = encodeTable[group & 63] as number
  }
  if (read < length) {
    const last = bytes[read] as number
    const next = read + 1 < length ? (bytes[read + 1] as number) : 0
    text[write++] = encodeTable[last >> 2] as number
    text[write++] = encodeTable[((last & 3) << 4) | (next >> 4)] as number
    if (read + 1 < length) text[write++] = encodeTable[(next & 15) << 2] as number
  }
  return text.length > SHORT_TEXT ? latin1.decode(text) : fromCharCodes(text)
}

/**
 * Decodes unpadded base64url. Every byte string has exactly one accepted text: padding, white space, the `+` and `/`
 * of plain base64 and non-zero unused bits are refused, so that a token's parts have one spelling.
 *
 * @throws EncodingError `ERR_ENCODING_BASE64URL`
 * @see RFC 4648 sections 3.5 and 5, RFC 7515 section 2
 */
export function decodeBase64url(text: string, start = 0, end = text.length): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(decodedLength(end - start))
  decodeBase64urlInto(bytes, text, start, end)
  return bytes
}

/** How many bytes so many characters of base64url stand for, if they are well-formed. */
export function decodedLength(characters: number): number {
  return (characters * 3) >> 2
}

/** {@link decodeBase64url} into {@link decodedLength} bytes that are there already. When it throws, they are garbage. */
export function decodeBase64urlInto(bytes: Uint8Array, text: string, start: number, end: number): void {
  const tail = (end - start) & 3
  if (tail === 1) throw new EncodingError('ERR_ENCODING_BASE64URL', 'base64url text has an impossible length')
  const fullEnd = end - tail
  let write = 0
  // Collects the marks of all characters; checked once at the end instead of in every step.
  let marks = 0
  for (let read = start; read < fullEnd; read += 4) {
    const a = sextet(text.charCodeAt(read))
    const b = sextet(text.charCodeAt(read + 1))
    const c = sextet(text.charCodeAt(read + 2))
    const d = sextet(text.charCodeAt(read + 3))
    marks |= a | b | c | d
    const group = (a << 18) | (b << 12) | (c << 6) | d
    bytes[write++] = group >> 16
    bytes[write++] = group >> 8
    bytes[write++] = group
  }
  if (tail !== 0) {
    const a = sextet(text.charCodeAt(fullEnd))
    const b = sextet(text.charCodeAt(fullEnd + 1))
    const c = tail === 3 ? sextet(text.charCodeAt(fullEnd + 2)) : 0
    marks |= a | b | c
    bytes[write++] = (a << 2) | (b >> 4)
    if (tail === 3) bytes[write++] = (b << 4) | (c >> 2)
    const unused = tail === 3 ? c & 3 : b & 15
    if (unused !== 0) throw new EncodingError('ERR_ENCODING_BASE64URL', 'base64url text is not canonical')
  }
  if (marks > 63) throw new EncodingError('ERR_ENCODING_BASE64URL', 'text is not base64url')
}

/** 0 to 63, or more for a character outside the alphabet. */
function sextet(code: number): number {
  return code < 256 ? (decodeTable[code] as number) : INVALID
}
