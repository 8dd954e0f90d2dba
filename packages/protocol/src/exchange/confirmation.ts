import { decodeBase64url } from '../encoding/base64url.ts'
import { EncodingError } from '../encoding/encoding-error.ts'
import type { JsonObject } from '../encoding/strict-json.ts'
import { CredentialError } from '../verification/credential-error.ts'

/**
 * The key that a token is bound to: whoever uses it must prove to hold it. One way for each token: with two, it could
 * depend on the reader which one is asked for.
 *
 * @see RFC 9449 section 6.1 (`jkt`), RFC 8705 section 3.1 (`x5t#S256`), RFC 7800 section 3.2 (`jwk`)
 */
export type Confirmation =
  /** Thumbprint of a JWK, RFC 7638. A token bound to a `jwk` claim is read as this. */
  | { readonly kind: 'jkt'; readonly thumbprint: string }
  /** SHA-256 of a DER certificate. */
  | { readonly kind: 'x5t#S256'; readonly thumbprint: string }

/** The keys that the sender of a request proved to hold, in it. */
export interface ProvenKeys {
  readonly jkt: ReadonlySet<string>
  readonly x5t: ReadonlySet<string>
}

export function isProven(confirmation: Confirmation, proven: ProvenKeys): boolean {
  return (confirmation.kind === 'jkt' ? proven.jkt : proven.x5t).has(confirmation.thumbprint)
}

/**
 * Reads `cnf` of an access token or Transaction Token.
 *
 * @returns `undefined` for a token without it: a bearer token
 * @throws CredentialError `ERR_CREDENTIAL_CONFIRMATION` when it is there and is not one binding that can be checked. To
 *   take such a token for a bearer token would take its protection away.
 */
export function parseConfirmation(claims: JsonObject): Confirmation | undefined {
  const cnf = claims['cnf']
  if (cnf === undefined) return undefined
  if (typeof cnf !== 'object' || cnf === null || Array.isArray(cnf)) throw unusable('"cnf" is not an object')
  const [[name, value] = [], second] = Object.entries(cnf)
  if (second !== undefined) throw unusable('"cnf" names more than one key')
  if ((name !== 'jkt' && name !== 'x5t#S256') || !isThumbprint(value)) {
    throw unusable('"cnf" has no thumbprint of a kind known here')
  }
  return { kind: name, thumbprint: value }
}

/** The claim `cnf`. */
export function formatConfirmation(confirmation: Confirmation): JsonObject {
  return { [confirmation.kind]: confirmation.thumbprint }
}

function isThumbprint(value: unknown): value is string {
  if (typeof value !== 'string') return false
  try {
    return decodeBase64url(value).length === 32
  } catch (error) {
    if (error instanceof EncodingError) return false
    throw error
  }
}

function unusable(detail: string): CredentialError {
  return new CredentialError('ERR_CREDENTIAL_CONFIRMATION', 'credential is bound to a key in an unknown way', {
    detail,
  })
}
