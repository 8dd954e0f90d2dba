import type { Caller, Workload } from '@countersign/sdk'
import type { Hop } from '../hop.ts'

/** The hop a service has just been the end of. */
export function hopOf(caller: Caller, workload: Workload, startedAt: number): Hop {
  return {
    caller: caller.id.toString(),
    callee: workload.id.toString(),
    binding: caller.binding,
    audience: caller.audience,
    tookMs: Math.round((performance.now() - startedAt) * 10) / 10,
  }
}
