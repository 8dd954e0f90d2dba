import type { webcrypto } from 'node:crypto'

export const DOMAIN = 'chain.example'
/** The one client, of both servers. */
export const CLIENT = 'workload'
export const USER = 'alice'
/** Services: of our domain, and of oidc-provider's. */
export const OUR_API = 'https://api.chain.example'
export const THEIR_API = 'https://api.provider.example'
/** Whom the user's own token in our domain is for. */
export const PORTAL = 'https://portal.chain.example'
/** A server that nobody here is. */
export const OTHER_SERVER = 'https://id.other.example'
export const SCOPES = ['orders.read', 'orders.write']

/** Handed to both programs as JSON. */
export interface Scenario {
  /** Issuer identifiers. */
  readonly ours: string
  readonly theirs: string
  readonly port: number
  /** Of oidc-provider's web server: files in PEM. */
  readonly certificate: string
  readonly certificateKey: string
  /** The client's key, and the one that oidc-provider signs with. */
  readonly clientKey: PrivateJwk
  readonly providerKey: PrivateJwk
}

export type PrivateJwk = webcrypto.JsonWebKey & { readonly kid: string }

/** Grants go out for the user, to the client that acts for them; and are taken of oidc-provider, when that client brings them. */
export function rulesFor(theirs: string): object {
  const client = { profile: 'registered-client', issuer: 'clients', subject: [CLIENT] }
  return {
    rules: [
      {
        name: 'user signs in',
        grant: 'client_credentials',
        subject: client,
        to: { profile: 'access-token', audience: [PORTAL], scopes: SCOPES, subject: USER },
      },
      {
        name: 'to oidc-provider',
        grant: 'token-exchange',
        subject: { profile: 'access-token', issuer: 'self', subject: [USER], audience: [PORTAL] },
        client,
        to: { profile: 'authorization-grant', audience: [theirs, OTHER_SERVER], scopes: ['orders.read'], ttl: 60 },
      },
      {
        name: 'from oidc-provider',
        grant: 'jwt-bearer',
        subject: { profile: 'authorization-grant', issuer: 'provider', anySubject: true },
        client,
        to: { profile: 'access-token', audience: [OUR_API], scopes: SCOPES },
      },
    ],
  }
}
