import { InspectError } from './inspect-error.ts'
import { isJsonObject, type JsonRecord } from './json-record.ts'

export interface DecodedToken {
  readonly header: JsonRecord
  readonly claims: JsonRecord
  readonly signatureBytes: number
}

const COMPACT_JWS = /^[A-Za-z0-9_=+/-]+\.[A-Za-z0-9_=+/-]*\.[A-Za-z0-9_=+/-]*$/

export function looksLikeToken(text: string): boolean {
  return COMPACT_JWS.test(text)
}

/**
 * Decodes a compact JWS leniently, so that a token that verifiers refuse can still be looked at. The warnings tell what
 * a strict reader says.
 *
 * @throws InspectError `ERR_INSPECT_MALFORMED` when header or payload is not a JSON object
 */
export function decodeToken(token: string): DecodedToken {
  const [header = '', payload = '', signature = ''] = token.split('.')
  return {
    header: decodeJson(header, 'header'),
    claims: decodeJson(payload, 'payload'),
    signatureBytes: Buffer.from(signature, 'base64url').length,
  }
}

function decodeJson(segment: string, name: string): JsonRecord {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(segment, 'base64url').toString())
  } catch {
    // The parser's message quotes the input, so it is dropped.
    throw new InspectError('ERR_INSPECT_MALFORMED', `${name} of the token is not JSON`)
  }
  if (isJsonObject(value)) return value
  throw new InspectError('ERR_INSPECT_MALFORMED', `${name} of the token is not a JSON object`)
}
