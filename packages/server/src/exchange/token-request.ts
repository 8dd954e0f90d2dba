import type { ExchangedSubject } from '@countersign/protocol/exchange'

/** Parameters of a form body. Each came once, except those that may come more than once. */
export interface FormParameters {
  /** `undefined` when it did not come or is empty: RFC 6749 section 3.1 treats both alike. */
  get(name: string): string | undefined
  /** Of `audience` and `resource`. */
  getAll(name: string): readonly string[]
}

/** A request to the token endpoint, read and not believed. */
export interface TokenRequest {
  readonly parameters: FormParameters
  /** The form itself as received, for whatever covers it. */
  readonly body: Uint8Array
  /** As received, name and value in turn. */
  readonly rawHeaders: readonly string[]
  /** Request target as received. */
  readonly target: string
  /** DER certificates of the connection, leaf first; empty without any. Nothing of them is verified. */
  readonly peerChain: readonly Uint8Array[]
  /** Seconds since the epoch; one moment for the whole request. */
  readonly now: number
}

/** A client that proved who it is. */
export interface AuthenticatedClient {
  /** One of `token_endpoint_auth_methods_supported`. */
  readonly method: string
  /** `client_id`. */
  readonly id: string
  readonly subject: ExchangedSubject
}
