import { InvalidArgumentError } from 'commander'

/** As Microsoft Entra has them: 3 to 120 characters, the first a letter or digit. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$/
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** @throws InvalidArgumentError of commander */
export function parseCredentialName(text: string): string {
  if (NAME.test(text)) return text
  throw new InvalidArgumentError('Expected 3 to 120 letters, digits, - and _, the first a letter or digit.')
}

/** @throws InvalidArgumentError of commander */
export function parseGuid(text: string): string {
  if (GUID.test(text)) return text.toLowerCase()
  throw new InvalidArgumentError('Expected an id, as in 00000000-0000-0000-0000-000000000000.')
}

export interface FederatedCredential {
  readonly name: string
  readonly issuer: string
  readonly subject: string
  readonly audiences: readonly [string]
}

/**
 * A federated identity credential: issuer, subject and audience must be the token's own, to the letter.
 *
 * @see Microsoft Graph, federatedIdentityCredential
 */
export function formatFederatedCredential(
  name: string,
  issuer: string,
  subject: string,
  audience: string,
): FederatedCredential {
  return { name, issuer, subject, audiences: [audience] }
}

/** A name for one, out of a SPIFFE ID. */
export function credentialNameOf(subject: string): string {
  const name = subject.replace(/^[a-z]+:\/\//, '').replace(/[^A-Za-z0-9]+/g, '-')
  return `countersign-${name}`.slice(0, 120).replace(/-+$/, '')
}
