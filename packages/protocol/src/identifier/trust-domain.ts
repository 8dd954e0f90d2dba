import { IdentifierError } from './identifier-error.ts'

/** SPIFFE-ID section 2.1: at most 255 bytes. */
const MAX_BYTES = 255

const NAME = /^[a-z0-9._-]+$/
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/

export type IdentifierScheme = 'spiffe' | 'wimse'

/**
 * Checks the name of a trust domain. It is an opaque string, not a host name: it is never resolved.
 *
 * @throws IdentifierError `ERR_IDENTIFIER_TRUST_DOMAIN` when empty, longer than 255 bytes, with characters other than
 *   `a-z 0-9 . _ -`, or (scheme `wimse`) an IP address
 * @throws IdentifierError `ERR_IDENTIFIER_NOT_CANONICAL` when only upper case is wrong
 * @see SPIFFE-ID section 2.1; draft-ietf-wimse-identifier, "Trust Domain Association"
 */
export function parseTrustDomain(text: string, scheme: IdentifierScheme = 'spiffe'): string {
  if (text.length === 0) throw new IdentifierError('ERR_IDENTIFIER_TRUST_DOMAIN', 'trust domain is empty')
  if (text.length > MAX_BYTES) {
    throw new IdentifierError('ERR_IDENTIFIER_TRUST_DOMAIN', `trust domain is longer than ${MAX_BYTES} bytes`)
  }
  if (!NAME.test(text)) {
    if (NAME.test(text.toLowerCase())) {
      throw new IdentifierError('ERR_IDENTIFIER_NOT_CANONICAL', 'trust domain must be lower case')
    }
    throw new IdentifierError('ERR_IDENTIFIER_TRUST_DOMAIN', 'trust domain has a character outside a-z 0-9 . _ -')
  }
  // A SPIFFE trust domain is a plain string, so one that looks like an address is legal there.
  if (scheme === 'wimse' && IPV4.test(text)) {
    throw new IdentifierError('ERR_IDENTIFIER_TRUST_DOMAIN', 'trust domain is an IP address')
  }
  return text
}
