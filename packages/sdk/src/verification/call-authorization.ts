import type { JsonObject } from '@countersign/protocol'
import type { Actor, VerifiedAccessToken } from '@countersign/protocol/exchange'

/**
 * How whoever sent the token proved that it is theirs: by a DPoP proof, by the certificate of the connection, by the key of
 * the identity token that the request was proved with; by being the client that it was given to; or not at all.
 */
export type AccessBinding = 'dpop' | 'mtls' | 'wit' | 'client' | 'bearer'

/**
 * What an authorization server said of a call: for whom (`subject`), for what (`scopes`), and who acted on the way (`actor`, the
 * last one outermost). Printed or written as JSON, it shows all but the token itself.
 */
export class CallAuthorization {
  readonly #token: string
  readonly issuer: string
  /** `sub`: on whose behalf. */
  readonly subject: string
  /** `client_id`: whom the token was given to. */
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly audience: readonly string[]
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number
  /** `jti`. */
  readonly id: string
  /** `act`: who acts for the subject. */
  readonly actor: Actor | undefined
  readonly claims: JsonObject
  readonly binding: AccessBinding

  constructor(token: string, content: VerifiedAccessToken, binding: AccessBinding) {
    this.#token = token
    this.issuer = content.issuer.url
    this.subject = content.subject
    this.clientId = content.clientId
    this.scopes = content.scopes
    this.audience = content.audience
    this.expiresAt = content.expiresAt
    this.id = content.id
    this.actor = content.actor
    this.claims = content.claims
    this.binding = binding
  }

  /** The token itself, for a gateway that begins a transaction with it. */
  get token(): string {
    return this.#token
  }

  hasScope(scope: string): boolean {
    return this.scopes.includes(scope)
  }
}
