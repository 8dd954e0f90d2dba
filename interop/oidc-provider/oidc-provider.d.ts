/** The package has no types of its own. What the suite uses of it, beside what the benchmark does. */
import 'oidc-provider'

declare module 'oidc-provider' {
  interface TokenContext {
    body: unknown
    /** For whatever handles the same request later. */
    readonly state: Record<string, unknown>
    readonly oidc: {
      readonly client: { readonly clientId: string }
      readonly params: Readonly<Record<string, string | undefined>>
    }
  }
  interface AccessToken {
    readonly accountId: string
    readonly clientId: string
    readonly isExpired: boolean
    readonly expiration: number
    readonly tokenType: string
    scope: string
    resourceServer: unknown
    setThumbprint(kind: 'jkt', thumbprint: string): void
    save(): Promise<string>
  }
  interface Provider {
    readonly issuer: string
    readonly AccessToken: {
      new (content: object): AccessToken
      find(token: string): Promise<AccessToken | undefined>
    }
    readonly Client: { find(id: string): Promise<object | undefined> }
    readonly ReplayDetection: { unique(issuer: string, id: string, expiresAt: number): Promise<boolean> }
    readonly ResourceServer: new (identifier: string, content: object) => object
    registerGrantType(
      name: string,
      handle: (context: TokenContext) => Promise<void>,
      parameters: readonly string[],
      repeatable?: readonly string[],
    ): void
  }
  export const errors: Readonly<
    Record<'InvalidGrant' | 'InvalidRequest' | 'InvalidScope' | 'InvalidTarget', new (description: string) => Error>
  >
}
