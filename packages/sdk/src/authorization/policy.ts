import { parseTrustDomain, WorkloadId } from '@countersign/protocol'
import type { Caller } from '../verification/caller.ts'

/** What a policy may look at besides the caller. */
export interface PolicyRequest {
  readonly method: string
  /** Request target as received. */
  readonly target: string
}

/** Says whether a caller may do something. Anything but `true` is a no. */
export type Policy = (caller: Caller, request: PolicyRequest) => boolean | Promise<boolean>

/** Exactly these workloads. @throws IdentifierError at once when one is not an identifier */
export function allowWorkload(...ids: readonly (string | WorkloadId)[]): Policy {
  const allowed = new Set(ids.map((id) => (typeof id === 'string' ? WorkloadId.parse(id) : id).toString()))
  return (caller) => allowed.has(caller.id.toString())
}

/** Every workload of these SPIFFE trust domains. @throws IdentifierError at once when one is not a trust domain */
export function allowTrustDomain(...names: readonly string[]): Policy {
  const allowed = new Set(names.map((name) => `spiffe://${parseTrustDomain(name)}`))
  return (caller) => allowed.has(caller.id.origin)
}

/** Yes when one of the policies says yes. */
export function allowAnyOf(...policies: readonly Policy[]): Policy {
  return async (caller, request) => {
    for (const policy of policies) if ((await policy(caller, request)) === true) return true
    return false
  }
}
