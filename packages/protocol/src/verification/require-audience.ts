import { CredentialError } from './credential-error.ts'

/**
 * @param aud the claim, one text or a list
 * @param own the verifier's own name or names, compared as plain text
 * @returns all audiences of the credential
 * @throws CredentialError `ERR_CREDENTIAL_AUDIENCE` when it is missing, of another type, or names none of `own`
 * @see RFC 7519 section 4.1.3
 */
export function requireAudience(aud: unknown, own: string | readonly string[]): readonly string[] {
  const audiences = typeof aud === 'string' ? [aud] : aud
  if (!Array.isArray(audiences) || !audiences.every((member) => typeof member === 'string')) {
    throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'credential has no audience')
  }
  const names = typeof own === 'string' ? [own] : own
  if (!names.some((name) => audiences.includes(name))) {
    throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'credential is meant for another audience')
  }
  return audiences
}
