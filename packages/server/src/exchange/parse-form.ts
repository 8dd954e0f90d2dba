import { decodeUtf8, EncodingError } from '@countersign/protocol'
import { OAuthError } from '@countersign/protocol/exchange'
import type { FormParameters } from './token-request.ts'

/** Larger than any request here: three tokens of 16 KiB each, and the rest. */
export const MAX_FORM_BYTES = 64 * 1024
const MAX_PARAMETERS = 64

/** RFC 8693 section 2.1: these may name several. All others come once: RFC 6749 section 3.2. */
const REPEATABLE = new Set(['audience', 'resource'])

/**
 * Reads the body of a form. Strict: what two readers could read differently is refused.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST` for a parameter that came twice, text that is not UTF-8 or not well
 *   encoded, or too much of it
 * @see RFC 6749 section 3.2 and appendix B
 */
export function parseForm(body: string): FormParameters {
  if (body.length > MAX_FORM_BYTES) throw refused(`body is larger than ${MAX_FORM_BYTES} bytes`)
  const values = new Map<string, string[]>()
  const pairs = body === '' ? [] : body.split('&')
  if (pairs.length > MAX_PARAMETERS) throw refused(`more than ${MAX_PARAMETERS} parameters`)
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    if (equals <= 0) throw refused('body is not a form: a parameter has no name or no value')
    const name = decode(pair.slice(0, equals))
    const value = decode(pair.slice(equals + 1))
    const known = values.get(name)
    if (known === undefined) values.set(name, [value])
    else if (REPEATABLE.has(name)) known.push(value)
    else throw refused(`parameter ${nameForPeople(name)} came twice`)
  }
  return {
    get: (name) => values.get(name)?.[0] || undefined,
    getAll: (name) => (values.get(name) ?? []).filter((value) => value !== ''),
  }
}

const PLAIN = /^[A-Za-z0-9._~-]*$/
/** What a form may consist of. Anything else, a line break or a byte above ASCII, was not encoded. */
const ENCODED = /^(?:[A-Za-z0-9._~!*'():;,/?@$+-]|%[0-9A-Fa-f]{2})*$/

function decode(text: string): string {
  // Tokens are most of a request, and need no decoding.
  if (PLAIN.test(text)) return text
  if (!ENCODED.test(text)) throw refused('body is not a well-encoded form')
  const bytes = Buffer.from(
    text.replaceAll('+', ' ').replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => toChar(hex)),
    'latin1',
  )
  try {
    return decodeUtf8(bytes)
  } catch (cause) {
    if (!(cause instanceof EncodingError)) throw cause
    throw refused('body is not a well-encoded form')
  }
}

function toChar(hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16))
}

/** A name that an honest client may have sent. Anything else could be a secret in the wrong place. */
function nameForPeople(name: string): string {
  return /^[a-z_]{1,32}$/.test(name) ? `'${name}'` : 'of an unknown name'
}

function refused(reason: string): OAuthError {
  return new OAuthError('ERR_OAUTH_INVALID_REQUEST', reason)
}
