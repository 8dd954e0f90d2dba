import type { TrustStore } from '@countersign/protocol'
import type { HeldIdentity } from '../identity/held-identity.ts'
import type { WorkloadRuntime } from '../workload-runtime.ts'

/** What a service needs of its workload. */
export interface VerifyingWorkload {
  /** Whom to trust. */
  readonly trust: TrustStore
  readonly runtime: Pick<WorkloadRuntime, 'now'> & Partial<WorkloadRuntime>
  /** Signs responses. Without it, those that must be signed are answered 501. */
  readonly identity?: HeldIdentity
  /** Keys of bearer tokens. Without it none is believed. */
  readonly jwtTrust?: () => Promise<TrustStore>
}
