import { isDeepStrictEqual } from 'node:util'
import type { Entry } from '@countersign/api'
import type { SpiffeBundle } from '@countersign/protocol'
import { EntryIndex } from '../issuance/entry-index.ts'

/**
 * - `starting`: no identity or no registration data yet
 * - `ready`: serves
 * - `refused`: the server no longer accepts this agent, so no program is given anything
 */
export type AgentStatus = 'starting' | 'ready' | 'refused'

/** All the Workload API answers from, as of one moment. Never changed, only replaced. */
export interface AgentView {
  readonly status: AgentStatus
  readonly agentId: string | undefined
  readonly revision: number
  readonly entries: EntryIndex
  /** By trust domain name, the own one included. */
  readonly bundles: ReadonlyMap<string, SpiffeBundle>
  /** What the own trust domain's X.509 authorities have revoked: a list of each, DER, verified. */
  readonly crls: readonly Uint8Array[]
  /** CAs that may have signed such lists, as the server named them: base64 DER, not verified. */
  readonly intermediates: readonly string[]
}

/** What the server said, as far as it could be read and is believed. Members as in {@link AgentView}. */
export interface Synchronized {
  readonly agentId: string
  readonly revision: number
  readonly entries: readonly Entry[]
  readonly bundles: AgentView['bundles']
  readonly crls?: AgentView['crls']
  /** Which node aliases stand for this agent: what lies below another is passed over. */
  readonly aliases?: readonly string[] | undefined
  readonly intermediates?: AgentView['intermediates'] | undefined
}

/** What says the same stays the same object, so that everyone can see at a glance that it did not change. */
function keepSame<T>(before: T | undefined, after: T): T {
  return before !== undefined && isDeepStrictEqual(before, after) ? before : after
}

/** The current view, and who wants to know when it changes. */
export class AgentState {
  #view: AgentView = {
    status: 'starting',
    agentId: undefined,
    revision: 0,
    entries: new EntryIndex([]),
    bundles: new Map(),
    crls: [],
    intermediates: [],
  }
  readonly #listeners = new Set<() => void>()

  get view(): AgentView {
    return this.#view
  }

  /** @returns stops telling */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Serves what one synchronization with the server said. */
  apply({ agentId, revision, entries, bundles, crls = [], aliases = [], intermediates = [] }: Synchronized): void {
    const parents = new Set([agentId, ...aliases])
    const own = entries.filter(({ parentId }) => parents.has(parentId))
    const same = new Map([...bundles].map(([name, each]) => [name, keepSame(this.#view.bundles.get(name), each)]))
    const content = {
      entries: this.#view.entries.replacedBy(own),
      bundles: same,
      crls: keepSame(this.#view.crls, crls),
      intermediates,
    }
    this.#replace({ status: 'ready', agentId, revision, ...content })
  }

  /** Serves another bundle of one trust domain, beside all that is served already. */
  replaceBundle(trustDomain: string, bundle: SpiffeBundle, crls: readonly Uint8Array[]): void {
    const bundles = new Map(this.#view.bundles).set(trustDomain, bundle)
    this.#replace({ ...this.#view, bundles, crls: keepSame(this.#view.crls, crls) })
  }

  /** Stops serving, because the server said so. */
  refuse(): void {
    this.#replace({ ...this.#view, status: 'refused', entries: new EntryIndex([]) })
  }

  #replace(view: AgentView): void {
    this.#view = view
    for (const listener of [...this.#listeners]) listener()
  }
}
