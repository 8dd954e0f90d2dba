import type { WorkloadId } from '../identifier/workload-id.ts'
import type { VerifiedWit } from '../verification/verified-wit.ts'
import type { HttpRequest } from './http-message.ts'

/** Who sent a message, as proved by it. */
export interface VerifiedMessage {
  readonly subject: WorkloadId
  readonly wit: VerifiedWit
  readonly nonce: string
  readonly expiresAt: number
}

export interface VerifiedHttpRequest extends VerifiedMessage {
  readonly audience: string
  /** The sender takes no unsigned response: a service that cannot sign must answer with an error. */
  readonly signResponse: boolean
  /** Covered by the signature, and otherwise unchecked. */
  readonly accessToken: string | undefined
  /** Covered by the signature, and otherwise unchecked. */
  readonly txnToken: string | undefined
}

/** What one response is held against. */
export interface ResponseContext {
  /** The request as it was sent, signature fields included: the response is bound to it, not to what came back. */
  readonly request: HttpRequest
  /** Who was called. `undefined` takes a response by any workload of a trusted domain. */
  readonly expectedPeer: WorkloadId | undefined
  /** Refuse an unsigned response even where the request did not ask for a signature. */
  readonly required?: boolean
  readonly now: number
}
