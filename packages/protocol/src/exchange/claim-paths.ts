import type { JsonObject } from '../encoding/strict-json.ts'
import { CredentialError } from '../verification/credential-error.ts'

/** Longest value let through: names, groups and tenants, no documents. */
const MAX_VALUE_LENGTH = 2048
const MAX_VALUES = 256

/**
 * A claim by its path: names joined by "/", with "~1" for a slash and "~0" for a tilde in a name, as in a JSON Pointer.
 * `kubernetes.io/namespace` is member `namespace` of claim `kubernetes.io`.
 *
 * @returns a text or a list of texts; `undefined` when there is no such claim, or it is anything else
 */
export function readClaim(claims: JsonObject, path: string): string | readonly string[] | undefined {
  let value: unknown = claims
  for (const segment of path.split('/')) {
    const name = segment.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) {
      return undefined
    }
    value = (value as JsonObject)[name]
  }
  if (isText(value)) return value
  return Array.isArray(value) && value.length <= MAX_VALUES && value.every(isText) ? value : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_VALUE_LENGTH
}

/**
 * Holds a token to claims that it must have: the tenant of an issuer with many.
 *
 * @param required values by path; of a list of texts, one must be among them
 * @throws CredentialError `ERR_CREDENTIAL_CLAIM`
 */
export function requireClaims(claims: JsonObject, required: Readonly<Record<string, readonly string[]>>): void {
  for (const [path, values] of Object.entries(required)) {
    const held = [readClaim(claims, path) ?? []].flat()
    if (!held.some((value) => values.includes(value))) {
      throw new CredentialError('ERR_CREDENTIAL_CLAIM', 'credential lacks a claim that is required of its issuer', {
        detail: `claim ${path.slice(0, 128)}`,
      })
    }
  }
}

/** Lets claims through that are named, under the names they get. Others stay behind. */
export function mapClaims(
  claims: JsonObject,
  mapping: Readonly<Record<string, string>>,
): Record<string, string | readonly string[]> {
  const mapped: Record<string, string | readonly string[]> = {}
  for (const [path, name] of Object.entries(mapping)) {
    const value = readClaim(claims, path)
    if (value !== undefined) mapped[name] = value
  }
  return mapped
}
