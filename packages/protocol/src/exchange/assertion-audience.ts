import { CredentialError } from '../verification/credential-error.ts'

/** The names of an authorization server. */
export interface ServerNames {
  /** Issuer identifier, RFC 8414 section 2. */
  readonly issuer: string
  readonly tokenEndpoint: string
}

/**
 * Holds the audience of a client assertion to the issuer identifier, as the one value. An assertion for the token endpoint's
 * URL, or for several, can have been made for another server that gave this one's endpoint as its own.
 *
 * @param allowsTokenEndpoint accept the token endpoint's URL too, as the older standard has it
 * @throws CredentialError `ERR_CREDENTIAL_AUDIENCE`
 * @see draft-ietf-oauth-rfc7523bis, "JWT Format and Processing Requirements"; RFC 7523 section 3
 */
export function requireServerAudience(aud: unknown, names: ServerNames, allowsTokenEndpoint: boolean): void {
  const [only, second] = Array.isArray(aud) ? aud : [aud]
  if (typeof only !== 'string') throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'credential has no audience')
  if (second !== undefined) {
    throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'credential must be for this server alone')
  }
  if (only === names.issuer || (allowsTokenEndpoint && only === names.tokenEndpoint)) return
  throw new CredentialError(
    'ERR_CREDENTIAL_AUDIENCE',
    only === names.tokenEndpoint
      ? 'credential is for the token endpoint instead of the issuer identifier'
      : 'credential is meant for another audience',
  )
}

/**
 * Holds the audience of a grant to names of this server: one or both, and no other. A grant for two servers could be shown
 * to one by the other.
 *
 * @throws CredentialError `ERR_CREDENTIAL_AUDIENCE`
 * @see RFC 7523 section 3; draft-ietf-oauth-identity-chaining
 */
export function requireOwnAudience(aud: unknown, names: ServerNames): void {
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (audiences.length === 0 || !audiences.every((member) => typeof member === 'string')) {
    throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'credential has no audience')
  }
  if (!audiences.every((member) => member === names.issuer || member === names.tokenEndpoint)) {
    throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'credential is meant for another audience, or for others too')
  }
}
