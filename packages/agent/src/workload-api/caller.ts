import type { Entry } from '@countersign/api'
import type { Clock, PeerProcess, Selector } from '@countersign/plugin-kit'
import { SECURITY_HEADER, SECURITY_HEADER_VALUE } from '@countersign/workload-api'
import type { ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js'
import type { WorkloadAttestation } from '../attestation/workload-attestation.ts'
import type { AgentState, AgentView } from '../state/agent-state.ts'
import { invalidArgument, permissionDenied, unavailable } from './rpc-error.ts'

type Call =
  | ServerUnaryCall<unknown, unknown>
  | ServerWritableStream<unknown, unknown>
  | ServerDuplexStream<unknown, unknown>

/** A program that calls, and the identities it has. */
export interface Caller {
  readonly peer: PeerProcess
  /** Oldest first; never empty. */
  readonly entries: readonly Entry[]
  readonly view: AgentView
  /** Tells the operator that it asked for an identity it does not have. */
  readonly explainRefusal: (spiffeId: string) => void
}

export interface CallerResolverOptions {
  readonly state: AgentState
  readonly attestation: WorkloadAttestation
  readonly clock: Clock
  /** The process behind a connection. */
  readonly peerOf: (connectionKey: string) => PeerProcess | undefined
  /** Tells the operator why a program got nothing. */
  readonly explain: (peer: PeerProcess, selectors: readonly Selector[], view: AgentView, asked?: string) => void
}

/** Finds out who is calling and what it is. */
export class CallerResolver {
  readonly #options: CallerResolverOptions

  constructor(options: CallerResolverOptions) {
    this.#options = options
  }

  /**
   * @throws RpcError UNAVAILABLE while the agent starts, or when the program cannot be attested
   * @throws RpcError PERMISSION_DENIED when no entry matches the program
   */
  async resolve(call: Call): Promise<Caller> {
    const { state, attestation, clock, peerOf, explain } = this.#options
    // The listener has put the connection's key there, whatever the client sent.
    const peer = peerOf(call.getHost())
    if (peer === undefined) throw unavailable('connection is closed')
    if (state.view.status === 'starting') throw unavailable('agent is starting')
    const selectors = await attestation.attest(peer)
    // Read after the wait: what was withdrawn meanwhile is not handed out.
    const view = state.view
    const entries = view.entries.match(selectors, clock.now())
    if (entries.length === 0) {
      explain(peer, selectors, view)
      throw permissionDenied('no identity issued')
    }
    return { peer, entries, view, explainRefusal: (spiffeId) => explain(peer, selectors, view, spiffeId) }
  }
}

/**
 * Refuses calls that a program was tricked into making for someone else, as through a web client it offers.
 *
 * @throws RpcError INVALID_ARGUMENT
 * @see SPIFFE Workload Endpoint section 3
 */
export function requireSecurityHeader(call: Call): void {
  const values = call.metadata.get(SECURITY_HEADER)
  if (values.length !== 1 || values[0] !== SECURITY_HEADER_VALUE) {
    throw invalidArgument(`security header missing: send metadata ${SECURITY_HEADER}: ${SECURITY_HEADER_VALUE}`)
  }
}
