import type { OriginTrust } from '../bundle/trust-store.ts'
import type { JsonObject } from '../encoding/strict-json.ts'
import type { WorkloadId } from '../identifier/workload-id.ts'
import type { VerificationKey } from '../keys/crypto-backend.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import type { CredentialTimes } from './time-window.ts'

/** What a WIT proves about its holder, once a proof by `confirmationKey` has come with it. */
export interface VerifiedWit {
  readonly subject: WorkloadId
  /** The only key, under the only algorithm, that may sign proofs. */
  readonly confirmationKey: VerificationKey
  readonly confirmationJwk: PublicJwk
  readonly expiresAt: number
  readonly issuer: string | undefined
  readonly claims: JsonObject
  /** base64url SHA-256 of the token's text: what a WPT's `wth` must equal. */
  readonly digest: string
  /** The trust it was verified with; another object at the same origin means the trust has changed since. */
  readonly trust: OriginTrust
  readonly times: CredentialTimes
}
