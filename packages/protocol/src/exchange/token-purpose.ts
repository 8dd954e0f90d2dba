import type { JsonObject } from '../encoding/strict-json.ts'
import { CredentialError } from '../verification/credential-error.ts'
import { MAX_ID_LENGTH } from './single-use.ts'

/** @throws CredentialError `ERR_CREDENTIAL_TYPE` for a token with a claim that only tokens of another purpose have */
export function rejectPurposes(claims: JsonObject, others: readonly string[]): void {
  const other = others.find((name) => claims[name] !== undefined)
  if (other === undefined) return
  throw new CredentialError('ERR_CREDENTIAL_TYPE', 'credential was issued for another purpose', {
    detail: `claim ${other}`,
  })
}

/**
 * `jti` of a token that need not have one.
 *
 * @throws CredentialError `ERR_CREDENTIAL_ID` for one that is no text, or too long
 */
export function optionalTokenId(claims: JsonObject): string | undefined {
  const jti = claims['jti']
  if (jti === undefined) return undefined
  if (typeof jti === 'string' && jti !== '' && jti.length <= MAX_ID_LENGTH) return jti
  throw new CredentialError('ERR_CREDENTIAL_ID', 'credential has no usable "jti"')
}
