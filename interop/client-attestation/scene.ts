import type { webcrypto } from 'node:crypto'

/** What both sides know. */
export const DOMAIN = 'attested.example'
export const CLIENT = 'https://client.example'
export const ATTESTER = 'https://attester.example'
export const ORDERS = 'https://orders.example'

/** Handed to a client's program as JSON. */
export interface Scene {
  readonly issuer: string
  readonly attesterKey: webcrypto.JsonWebKey & { readonly kid: string }
  /** Where the library under test was put, if it is none of the repository's. */
  readonly library?: string
}

/** Lets the attested client have a token. */
export const rules = {
  rules: [
    {
      name: 'attested',
      grant: 'client_credentials',
      subject: { profile: 'client-attestation', issuer: 'attester', subject: [CLIENT] },
      to: { profile: 'access-token', audience: [ORDERS], scopes: ['orders.read'] },
    },
  ],
}
