import type { JsonObject } from '../encoding/strict-json.ts'
import { CredentialError, type CredentialErrorCode } from './credential-error.ts'

/**
 * A claim that must be text, and not empty.
 *
 * @throws CredentialError `code`, `ERR_CREDENTIAL_MALFORMED` unless given
 */
export function requireText(
  claims: JsonObject,
  name: string,
  code: CredentialErrorCode = 'ERR_CREDENTIAL_MALFORMED',
): string {
  const value = claims[name]
  if (value === undefined) throw new CredentialError(code, `credential has no "${name}"`)
  if (typeof value !== 'string' || value === '') {
    throw new CredentialError(code, `credential claim "${name}" is not text`)
  }
  return value
}

/** @throws CredentialError `ERR_CREDENTIAL_MALFORMED` when it is there and is not a JSON object */
export function optionalObject(claims: JsonObject, name: string): JsonObject | undefined {
  const value = claims[name]
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CredentialError('ERR_CREDENTIAL_MALFORMED', `credential claim "${name}" is not an object`)
  }
  return value as JsonObject
}

const SCOPES = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/

/**
 * The values of `scope`, at least one.
 *
 * @throws CredentialError `ERR_CREDENTIAL_MALFORMED` unless they are joined by single spaces
 * @see RFC 8693 section 4.2, RFC 6749 section 3.3
 */
export function requireScopes(claims: JsonObject): readonly string[] {
  const scope = requireText(claims, 'scope')
  if (!SCOPES.test(scope)) throw new CredentialError('ERR_CREDENTIAL_MALFORMED', 'credential claim "scope" is no list')
  return scope.split(' ')
}
