import { EncodingError } from '../encoding/encoding-error.ts'
import { decodeUtf8, encodeUtf8 } from '../encoding/text.ts'
import { SignatureError } from './signature-error.ts'

/** Bytes that a form-encoded name or value shows as themselves. */
const UNRESERVED = /[A-Za-z0-9*._-]/

/**
 * The value of one query parameter, decoded as a form and encoded anew, so that its spelling does not matter.
 *
 * @param name encoded the same way
 * @returns `undefined` when there is no such parameter
 * @throws SignatureError `ERR_SIGNATURE_COMPONENT_VALUE` when it stands in the query twice or is not UTF-8
 * @see RFC 9421 section 2.2.8
 */
export function queryParameter(query: string, name: string): string | undefined {
  const found = query
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=')
      return equals === -1 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
    })
    .filter(([key = '']) => recode(key) === name)
  if (found.length > 1) throw unusable('query parameter stands in the request target twice')
  const value = found[0]?.[1]
  return value === undefined ? undefined : recode(value)
}

function recode(text: string): string {
  const bytes = formDecode(text)
  try {
    decodeUtf8(bytes)
  } catch (error) {
    if (error instanceof EncodingError) throw unusable('query parameter is not well-formed UTF-8')
    throw error
  }
  return Array.from(bytes, encodeByte).join('')
}

function formDecode(text: string): Uint8Array {
  const bytes: number[] = []
  const encoded = encodeUtf8(text.replaceAll('+', ' '))
  for (let index = 0; index < encoded.length; index++) {
    const hex = encoded[index] === 0x25 ? String.fromCharCode(encoded[index + 1] ?? 0, encoded[index + 2] ?? 0) : ''
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16))
      index += 2
    } else bytes.push(encoded[index] as number)
  }
  return Uint8Array.from(bytes)
}

function encodeByte(byte: number): string {
  const character = String.fromCharCode(byte)
  return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

function unusable(message: string): SignatureError {
  return new SignatureError('ERR_SIGNATURE_COMPONENT_VALUE', message)
}
