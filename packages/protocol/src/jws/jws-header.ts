import { type Codec, portableCodec } from '../encoding/codec.ts'
import { type JsonObject, parseJsonObject } from '../encoding/strict-json.ts'
import { JwsError } from './jws-error.ts'

/** The header parameters this system reads. Others are ignored, as RFC 7515 section 4 asks. */
export interface JwsHeader {
  readonly alg: string
  readonly typ: string | undefined
  readonly kid: string | undefined
  /** All parameters, for profiles that forbid some. */
  readonly parameters: JsonObject
}

/** How many distinct headers are remembered. Real verifiers see one per issuer key and type. */
const MEMO_SIZE = 256

/** Remembers parsed headers by their text. Bounded: an attacker who varies headers only empties it. */
export class HeaderMemo {
  readonly #headers = new Map<string, JwsHeader>()

  get(segment: string): JwsHeader | undefined {
    return this.#headers.get(segment)
  }

  set(segment: string, header: JwsHeader): void {
    if (this.#headers.size >= MEMO_SIZE) this.#headers.clear()
    this.#headers.set(segment, header)
  }
}

/**
 * Parses the first segment of a compact JWS.
 *
 * @throws JwsError `ERR_JWS_MALFORMED` when `alg` is missing or a known parameter is not a string
 * @throws JwsError `ERR_JWS_CRITICAL` for any `crit`: no extension is implemented, so none can be understood
 * @throws JwsError `ERR_JWS_ENCRYPTED` when the parameters are those of an encrypted or compressed token
 * @throws EncodingError when it is not base64url, UTF-8 or strict JSON
 * @see RFC 7515 section 4.1
 */
export function parseJwsHeader(segment: string, memo?: HeaderMemo, codec: Codec = portableCodec): JwsHeader {
  const known = memo?.get(segment)
  if (known !== undefined) return known
  const parameters = parseJsonObject(codec.decodeBase64urlText(segment))
  if (parameters['crit'] !== undefined) {
    throw new JwsError('ERR_JWS_CRITICAL', 'token demands a header extension that is not supported')
  }
  if (parameters['enc'] !== undefined || parameters['zip'] !== undefined) {
    throw new JwsError('ERR_JWS_ENCRYPTED', 'token is encrypted or compressed')
  }
  const alg = optionalString(parameters, 'alg')
  if (alg === undefined) throw new JwsError('ERR_JWS_MALFORMED', 'token header has no "alg"')
  const header: JwsHeader = {
    alg,
    typ: optionalString(parameters, 'typ'),
    kid: optionalString(parameters, 'kid'),
    parameters,
  }
  memo?.set(segment, header)
  return header
}

/**
 * Whether a `typ` header names a media type, given without its `application/` prefix.
 *
 * @see RFC 7515 section 4.1.9: compared as a media type, so without regard to case; the prefix may be left out
 */
export function isType(header: JwsHeader, subtype: string): boolean {
  if (header.typ === subtype) return true
  const typ = header.typ?.toLowerCase()
  return typ === subtype || typ === `application/${subtype}`
}

function optionalString(parameters: JsonObject, name: string): string | undefined {
  const value = parameters[name]
  if (value === undefined || (typeof value === 'string' && value !== '')) return value as string | undefined
  throw new JwsError('ERR_JWS_MALFORMED', `token header parameter "${name}" is not a string`)
}
