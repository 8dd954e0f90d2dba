import { type Codec, portableCodec } from '../encoding/codec.ts'
import { EncodingError } from '../encoding/encoding-error.ts'
import { type JsonObject, parseJsonObject } from '../encoding/strict-json.ts'
import type { Eventual, VerificationKey } from '../keys/crypto-backend.ts'
import { JwsError } from './jws-error.ts'
import type { HeaderMemo, JwsHeader } from './jws-header.ts'
import { parseJwsHeader } from './jws-header.ts'

/** Largest token read, in characters. A header field that fits common servers is smaller. */
export const MAX_TOKEN_BYTES = 16_384

/** A compact JWS taken apart. Nothing in it is verified. */
export interface CompactJws {
  readonly header: JwsHeader
  readonly payload: JsonObject
  readonly signature: Uint8Array
  /** The bytes the signature covers. */
  readonly signingInput: Uint8Array
}

/**
 * Takes a compact JWS with a JSON object as payload apart: shape only.
 *
 * @param memo remembers parsed headers, of which a verifier sees few
 * @param codec the runtime's own, where it is faster
 * @throws JwsError `ERR_JWS_TOO_LARGE` above 16 KiB, before anything is decoded
 * @throws JwsError `ERR_JWS_MALFORMED` unless there are exactly three non-empty base64url parts, of which the first two
 *   are JSON objects in well-formed UTF-8 without duplicate members
 * @throws JwsError `ERR_JWS_CRITICAL`, `ERR_JWS_ENCRYPTED` as {@link parseJwsHeader}
 * @see RFC 7515 sections 3.1, 5.2 and 7.1
 */
export function decodeUnverifiedJws(token: string, memo?: HeaderMemo, codec: Codec = portableCodec): CompactJws {
  if (token.length > MAX_TOKEN_BYTES) {
    throw new JwsError('ERR_JWS_TOO_LARGE', `token is longer than ${MAX_TOKEN_BYTES} bytes`)
  }
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first <= 0 || second <= first + 1 || second === token.length - 1 || token.indexOf('.', second + 1) !== -1) {
    throw new JwsError('ERR_JWS_MALFORMED', 'token is not three parts joined by dots')
  }
  try {
    const header = parseJwsHeader(token.slice(0, first), memo, codec)
    const payload = parseJsonObject(codec.decodeBase64urlText(token.slice(first + 1, second)))
    const signature = codec.decodeBase64url(token, second + 1)
    // All characters are known to be base64url or dots by now.
    return { header, payload, signature, signingInput: codec.encodeAscii(token.slice(0, second)) }
  } catch (error) {
    if (error instanceof EncodingError) {
      throw new JwsError('ERR_JWS_MALFORMED', 'token is not a well-formed compact JWS', {
        detail: error.message,
        cause: error,
      })
    }
    throw error
  }
}

/** Whether the key made the signature. The key's algorithm must be the header's; the caller has compared them. */
export function verifyJwsSignature(jws: CompactJws, key: VerificationKey): Eventual<boolean> {
  return key.verify(jws.signingInput, jws.signature)
}
