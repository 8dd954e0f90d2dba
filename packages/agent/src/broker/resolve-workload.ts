import type { Entry } from '@countersign/api'
import { AttestationError, type Clock, type PeerProcess, type Selector } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import type { WorkloadAttestation } from '../attestation/workload-attestation.ts'
import type { AgentState, AgentView } from '../state/agent-state.ts'
import type { Caller } from '../workload-api/caller.ts'
import { unavailable } from '../workload-api/rpc-error.ts'
import type { BrokerGrant } from './broker-policy.ts'
import type { ProcessLease } from './process-table.ts'
import { workloadNotEntitled, workloadNotFound } from './workload-rpc-error.ts'

export interface WorkloadResolverOptions {
  readonly state: AgentState
  readonly attestation: WorkloadAttestation
  readonly clock: Clock
  /** Tells the operator why a program has no identity. */
  readonly explain: (peer: PeerProcess, selectors: readonly Selector[], view: AgentView, asked?: string) => void
}

/** What a broker gets of a workload, and what is kept from it. */
export interface ResolvedWorkload {
  /** The workload as if it asked by itself, with those identities only that the broker may have. May have none. */
  readonly caller: Caller
  /** The workload with all of its identities, by which changes are judged. */
  readonly program: Caller
  /** Identities of the workload that the broker may not have. */
  readonly withheld: readonly string[]
}

/** Finds out what a process is that a broker named, by the same means as if the process itself had called. */
export class WorkloadResolver {
  readonly #options: WorkloadResolverOptions

  constructor(options: WorkloadResolverOptions) {
    this.#options = options
  }

  /**
   * @throws WorkloadRpcError NOT_FOUND when the process has ended
   * @throws RpcError UNAVAILABLE while the agent starts, or when the process cannot be attested now
   */
  async resolve(lease: ProcessLease, grant: BrokerGrant): Promise<ResolvedWorkload> {
    const { state, clock, explain } = this.#options
    if (state.view.status === 'starting') throw unavailable('agent is starting')
    const peer = lease.peer()
    if (peer === undefined) throw workloadNotFound()
    const selectors = await this.#attest(peer)
    // Read after the wait: what was withdrawn meanwhile is not handed out.
    const view = state.view
    const entries = view.entries.match(selectors, clock.now())
    if (entries.length === 0) explain(peer, selectors, view)
    const allowed = entries.filter(({ spiffeId }) => grant.allowsIdentity(spiffeId))
    const withheld = entries.filter((entry) => !allowed.includes(entry))
    const explainRefusal = (spiffeId: string) => explain(peer, selectors, view, spiffeId)
    const program = { peer, selectors, entries, view, explainRefusal }
    return { caller: { ...program, entries: allowed }, program, withheld: distinctIds(withheld) }
  }

  async #attest(peer: PeerProcess): Promise<readonly Selector[]> {
    try {
      return await this.#options.attestation.attest(peer)
    } catch (error) {
      if (errorCode(error) === 'ERR_ATTESTATION_PROCESS_GONE') throw workloadNotFound()
      if (error instanceof AttestationError) throw unavailable('the workload could not be attested')
      throw error
    }
  }
}

/** @throws WorkloadRpcError PERMISSION_DENIED when the broker may have none of the workload's identities */
export function requireEntitlement({ caller }: ResolvedWorkload): void {
  if (caller.entries.length === 0) throw workloadNotEntitled()
}

export function distinctIds(entries: readonly Entry[]): readonly string[] {
  return [...new Set(entries.map(({ spiffeId }) => spiffeId))]
}
