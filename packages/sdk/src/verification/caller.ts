import type { JsonObject, WorkloadId } from '@countersign/protocol'
import type { CallAuthorization } from '../exchange/call-authorization.ts'
import type { ReceivedTransaction } from '../exchange/ongoing-transaction.ts'
import type { Binding } from './binding.ts'

/** Who sent a request, however that was proved. Application code needs nothing else to decide. */
export interface Caller {
  readonly id: WorkloadId
  /** How the caller proved it. */
  readonly binding: Binding
  /** End of the caller's credential, seconds since the Unix epoch. */
  readonly expiresAt: number
  /** Claims of the caller's identity token; none for `mtls`. */
  readonly claims: JsonObject
  /** The audience the proof was made for: one of this service's own. `undefined` for `mtls`: that ends here anyway. */
  readonly audience: string | undefined
  /**
   * An access token that came with the request. Not verified. `wpt` and `http-signature` bind it to the request; for
   * `bearer` it is the token that was verified.
   */
  readonly accessToken: string | undefined
  /** The same, verified, where `accessTokens` of `verifyCaller` says how: for whom the call is, and who acted on the way. */
  readonly authorization?: CallAuthorization | undefined
  /** A transaction token that came with the request. Not verified; bound as `accessToken` is. */
  readonly txnToken: string | undefined
  /** The same, verified, where `transactions` of `verifyCaller` says how. Never says who calls. */
  readonly transaction?: ReceivedTransaction | undefined
  /**
   * Who stands at the other end of a mutual TLS connection. The caller itself for `mtls`; otherwise whoever passed the
   * request on, such as a proxy.
   */
  readonly tlsPeer: WorkloadId | undefined
}
