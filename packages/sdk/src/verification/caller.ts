import type { JsonObject, WorkloadId } from '@countersign/protocol'

/** Who sent a request, proved for this request. Application code needs nothing else to decide. */
export interface Caller {
  readonly id: WorkloadId
  /** How the caller proved it. */
  readonly binding: 'wpt'
  /** End of the caller's credential, seconds since the Unix epoch. */
  readonly expiresAt: number
  /** Claims of the caller's identity token. */
  readonly claims: JsonObject
  /** The audience the proof was made for: one of this service's own. */
  readonly audience: string
  /** An access token that came with the request. Bound to it by the proof, and not verified. */
  readonly accessToken: string | undefined
  /** A transaction token that came with the request. Bound to it by the proof, and not verified. */
  readonly txnToken: string | undefined
}
