import type { webcrypto } from 'node:crypto'

/** One OAuth library behind one interface, so that each runs the very same flows. */
export interface OAuthClient {
  /** With its version. */
  readonly name: string
  /**
   * @param algorithm by which path metadata are found: OpenID Connect Discovery or RFC 8414
   * @returns `token_endpoint`
   * @throws what the library throws
   */
  discover(issuer: string, algorithm: 'oidc' | 'oauth2'): Promise<string | undefined>
  /** One request for a token. @throws what the library throws; see `refusalOf` */
  grant(request: GrantRequest): Promise<TokenAnswer>
  introspect(authentication: Authentication, token: string): Promise<Readonly<Record<string, unknown>>>
  revoke(authentication: Authentication, token: string): Promise<void>
  /** @returns the content of the answer. @throws what the library throws */
  callResource(request: ResourceRequest): Promise<string>
}

/** A request with an access token. */
export interface ResourceRequest {
  readonly token: string
  readonly url: string
  readonly method: string
  /** Key of DPoP proofs. */
  readonly dpop?: webcrypto.CryptoKeyPair
}

export interface GrantRequest {
  readonly authentication: Authentication
  readonly grantType: string
  readonly parameters: Readonly<Record<string, string>>
  /** Key of DPoP proofs. */
  readonly dpop?: webcrypto.CryptoKeyPair
  /** Instead of the runtime's. */
  readonly fetch?: Fetch
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** How the client says who it is. */
export type Authentication =
  | { readonly by: 'assertion'; readonly clientId: string; readonly type: string; readonly assertion: string }
  /** The library makes the assertion. */
  | {
      readonly by: 'key'
      readonly clientId: string
      readonly key: webcrypto.CryptoKey
      readonly kid: string
      readonly audience?: string
    }
  /** Something that `fetch` adds. */
  | { readonly by: 'fetch'; readonly clientId: string }

export interface TokenAnswer {
  readonly access_token: string
  readonly token_type: string
  readonly scope?: string | undefined
  readonly expires_in?: number | undefined
  readonly issued_token_type?: unknown
}

/** Status and OAuth error of what a library threw; its message when it was no answer of the server. */
export function refusalOf(thrown: unknown): string {
  const { status, error, cause, message } = thrown as {
    status?: number
    error?: string
    cause?: readonly { parameters?: { error?: string } }[]
    message: string
  }
  const challenges = Array.isArray(cause) ? (cause as { parameters?: { error?: string } }[]) : []
  const said = error ?? challenges.find(({ parameters }) => parameters?.error !== undefined)?.parameters?.error
  return status === undefined || said === undefined ? message : `${status} ${said}`
}
