import type { JsonObject } from '../encoding/strict-json.ts'
import { CredentialError } from '../verification/credential-error.ts'
import { requireText } from '../verification/txn-token-claims.ts'

/** The claim `typ` of Keycloak's access tokens: those for bearers, and those that DPoP binds. */
const ACCESS: ReadonlySet<unknown> = new Set(['Bearer', 'DPoP'])

/** Of ID tokens, Transaction Tokens and logout tokens. */
const OTHER_PURPOSES = ['nonce', 'at_hash', 'c_hash', 's_hash', 'txn', 'events'] as const

/** Whether the claims say themselves that they are those of an access token. Looks at nothing it would have to trust. */
export function saysAccessToken(claims: JsonObject): boolean {
  return ACCESS.has(claims['typ'])
}

/**
 * Holds an access token whose header says no more than `JWT` to what tells it from an ID token. Its own word on what it is, in the
 * claim `typ`, must be there, a scope, and the client it was given to; and nothing that only tokens of a sign-in have.
 *
 * @returns the client it was given to: `client_id`, else `azp`
 * @throws CredentialError `ERR_CREDENTIAL_TYPE` for a token that may be another one; `ERR_CREDENTIAL_MALFORMED` without a client or
 *   with two
 * @see RFC 9068 section 4 and RFC 8725 section 3.11, which such tokens do not meet
 */
export function validateUntypedAccessToken(claims: JsonObject): string {
  const other = OTHER_PURPOSES.find((name) => claims[name] !== undefined)
  if (other !== undefined) throw notOne(`claim ${other}`)
  if (!saysAccessToken(claims)) throw notOne('claim typ')
  if ((claims['typ'] === 'DPoP') !== (claims['cnf'] !== undefined)) throw notOne('claims typ and cnf')
  if (claims['scope'] === undefined) throw notOne('claim scope')
  const party = requireText(claims, 'azp')
  if (claims['client_id'] === undefined || claims['client_id'] === party) return party
  throw new CredentialError('ERR_CREDENTIAL_MALFORMED', 'credential names two clients')
}

function notOne(detail: string): CredentialError {
  return new CredentialError('ERR_CREDENTIAL_TYPE', 'credential is not known to be an access token', { detail })
}
