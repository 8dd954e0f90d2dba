import type { Entry } from '@countersign/api'
import type { Clock, PeerProcess, Selector } from '@countersign/plugin-kit'
import type { SpiffeBundle } from '@countersign/protocol'
import { type GrpcCall, SECURITY_HEADER, SECURITY_HEADER_VALUE } from '@countersign/workload-api/server'
import type { WorkloadAttestation } from '../attestation/workload-attestation.ts'
import type { ConnectionCounter } from '../socket/connection-limits.ts'
import type { AgentState, AgentView } from '../state/agent-state.ts'
import { invalidArgument, permissionDenied, unavailable } from './rpc-error.ts'
import { visibleBundles } from './visible-bundles.ts'

/** A program that calls, and the identities it has. */
export interface Caller {
  readonly peer: PeerProcess
  readonly selectors: readonly Selector[]
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
  /** Open streams, which cost memory each, in all and by user. */
  readonly streams: ConnectionCounter
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
  async resolve(call: GrpcCall): Promise<Caller> {
    const { state, attestation, clock, explain } = this.#options
    const peer = this.#peer(call)
    if (state.view.status === 'starting') throw unavailable('agent is starting')
    const selectors = await attestation.attest(peer)
    // Read after the wait: what was withdrawn meanwhile is not handed out.
    const view = state.view
    const entries = view.entries.match(selectors, clock.now())
    if (entries.length === 0) {
      explain(peer, selectors, view)
      throw permissionDenied('no identity issued')
    }
    return { peer, selectors, entries, view, explainRefusal: (spiffeId) => explain(peer, selectors, view, spiffeId) }
  }

  /**
   * Counts a stream in.
   *
   * @returns counts it out again
   * @throws RpcError UNAVAILABLE when there are too many
   */
  admit(call: GrpcCall): () => void {
    const { streams } = this.#options
    const { uid } = this.#peer(call)
    if (!streams.tryAdd(uid)) throw unavailable('too many streams are open')
    return () => streams.remove(uid)
  }

  #peer(call: GrpcCall): PeerProcess {
    // The listener has put the connection's key there, whatever the client sent.
    const peer = this.#options.peerOf(call.getHost())
    if (peer === undefined) throw unavailable('connection is closed')
    return peer
  }
}

/** What a caller was shown, to tell without attesting it anew whether a change concerns it. */
export class Sight {
  readonly #selectors: readonly Selector[]
  readonly #entries: readonly Entry[]
  readonly #bundles: readonly SpiffeBundle[]

  constructor(caller: Caller, ownTrustDomain: string) {
    this.#selectors = caller.selectors
    this.#entries = caller.entries
    this.#bundles = visibleBundles(caller, ownTrustDomain)
  }

  isOutdated({ state, trustDomain, clock }: { state: AgentState; trustDomain: string; clock: Clock }): boolean {
    const { view } = state
    const entries = view.entries.match(this.#selectors, clock.now())
    return !isSame(entries, this.#entries) || !isSame(visibleBundles({ view, entries }, trustDomain), this.#bundles)
  }

  includesAny(entryIds: ReadonlySet<string>): boolean {
    return this.#entries.some(({ id }) => entryIds.has(id))
  }
}

/** The state keeps what did not change as the very same objects. */
function isSame<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index])
}

/**
 * Refuses calls that a program was tricked into making for someone else, as through a web client it offers.
 *
 * @throws RpcError INVALID_ARGUMENT
 * @see SPIFFE Workload Endpoint section 3
 */
export function requireSecurityHeader(call: GrpcCall): void {
  const values = call.metadata.get(SECURITY_HEADER)
  if (values.length !== 1 || values[0] !== SECURITY_HEADER_VALUE) {
    throw invalidArgument(`security header missing: send metadata ${SECURITY_HEADER}: ${SECURITY_HEADER_VALUE}`)
  }
}
