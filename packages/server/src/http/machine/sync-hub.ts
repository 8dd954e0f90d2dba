import type { EntryDirectory } from '../../registration/entry-directory.ts'
import type { ChangeFeed, StoreChange } from '../../store/change-feed.ts'
import type { SyncStream } from './sync-stream.ts'

/** An agent that reconnects may leave half-open connections behind; the oldest give way. */
const MAX_STREAMS_PER_AGENT = 4

/** This many agents are told of a change that concerns all in the same moment; more are told one after the other. */
const AT_ONCE = 100
const AGENTS_PER_SECOND = 200
const MAX_SPREAD_MS = 5_000

export interface SyncHubOptions {
  readonly feed: ChangeFeed
  readonly directory: Pick<EntryDirectory, 'subscribe' | 'agentsBelow'>
  /** From 0 up to 1. */
  readonly random: () => number
}

/** All open event streams: wakes those that a change concerns and ends those of refused nodes. */
export class SyncHub {
  readonly #streams = new Map<string, Set<SyncStream>>()
  readonly #options: SyncHubOptions
  readonly #unsubscribe: () => void
  /** Below which entries have changed, and whose agents are not told yet. */
  #changedParents = new Set<string>()

  constructor(options: SyncHubOptions) {
    this.#options = options
    const endings = [
      options.feed.subscribe((change) => this.#onChange(change)),
      options.directory.subscribe((parents) => this.#onEntryChange(parents)),
    ]
    this.#unsubscribe = () => {
      for (const end of endings) end()
    }
  }

  /** How many streams are open. */
  get size(): number {
    let size = 0
    for (const streams of this.#streams.values()) size += streams.size
    return size
  }

  add(agentId: string, stream: SyncStream): void {
    const streams = this.#streams.get(agentId) ?? new Set()
    this.#streams.set(agentId, streams.add(stream))
    const [oldest] = streams
    if (streams.size > MAX_STREAMS_PER_AGENT && oldest !== undefined) {
      oldest.close()
      this.remove(agentId, oldest)
    }
  }

  remove(agentId: string, stream: SyncStream): void {
    const streams = this.#streams.get(agentId)
    streams?.delete(stream)
    if (streams?.size === 0) this.#streams.delete(agentId)
  }

  closeAll(): void {
    this.#unsubscribe()
    this.endStreams()
  }

  /** Whoever comes again is judged anew. */
  endStreams(): void {
    for (const agentId of [...this.#streams.keys()]) this.#closeAgent(agentId)
  }

  #onChange(change: StoreChange): void {
    switch (change.kind) {
      // An attestation ends what earlier certificates of the node were good for.
      case 'node.attested':
      case 'node.banned':
      case 'node.evicted':
        this.#closeAgent(change.subject)
        return
      // Whoever still comes with a certificate of it is to be asked again.
      case 'authority.revoked':
        for (const agentId of [...this.#streams.keys()]) this.#closeAgent(agentId)
        return
    }
    this.#tell(change.agents === 'all' ? this.#streams.keys() : change.agents)
  }

  /** Of a batch of changes below one alias, its agents are looked up once. */
  #onEntryChange(parents: ReadonlySet<string>): void {
    if (this.#changedParents.size === 0) queueMicrotask(() => this.#tellChanged())
    for (const parent of parents) this.#changedParents.add(parent)
  }

  #tellChanged(): void {
    const agents = new Set<string>()
    for (const parent of this.#changedParents) {
      for (const agentId of this.#options.directory.agentsBelow(parent)) agents.add(agentId)
    }
    this.#changedParents = new Set()
    this.#tell(agents)
  }

  /** Each agent's state is read anew, and many then ask for credentials: not all in the same moment. */
  #tell(agents: Iterable<string>): void {
    const concerned = [...agents].flatMap((agentId) => [...(this.#streams.get(agentId) ?? [])])
    const count = concerned.length
    const spreadMs = count <= AT_ONCE ? 0 : Math.min(MAX_SPREAD_MS, (count / AGENTS_PER_SECOND) * 1000)
    for (const stream of concerned) stream.markDirty(spreadMs === 0 ? 0 : this.#options.random() * spreadMs)
  }

  #closeAgent(agentId: string): void {
    for (const stream of this.#streams.get(agentId) ?? []) stream.close()
    this.#streams.delete(agentId)
  }
}
