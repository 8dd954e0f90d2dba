import type { StoreChange } from '../../store/change-feed.ts'
import type { Store } from '../../store/store.ts'
import type { SyncStream } from './sync-stream.ts'

/** An agent that reconnects may leave half-open connections behind; the oldest give way. */
const MAX_STREAMS_PER_AGENT = 4

/** This many agents are told of a change that concerns all in the same moment; more are told one after the other. */
const AT_ONCE = 100
const AGENTS_PER_SECOND = 200
const MAX_SPREAD_MS = 5_000

/** All open event streams: wakes those that a change concerns and ends those of refused nodes. */
export class SyncHub {
  readonly #streams = new Map<string, Set<SyncStream>>()
  readonly #unsubscribe: () => void

  readonly #random: () => number

  /** @param random from 0 up to 1 */
  constructor(store: Store, random: () => number) {
    this.#random = random
    this.#unsubscribe = store.feed.subscribe((change) => this.#onChange(change))
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
    if (change.agents === 'all') this.#tellAll()
    else for (const agentId of change.agents) for (const stream of this.#streams.get(agentId) ?? []) stream.markDirty()
  }

  /** Each agent's state is read anew, and each then asks for credentials. */
  #tellAll(): void {
    const count = this.#streams.size
    const spreadMs = count <= AT_ONCE ? 0 : Math.min(MAX_SPREAD_MS, (count / AGENTS_PER_SECOND) * 1000)
    for (const streams of this.#streams.values()) {
      for (const stream of streams) stream.markDirty(this.#random() * spreadMs)
    }
  }

  #closeAgent(agentId: string): void {
    for (const stream of this.#streams.get(agentId) ?? []) stream.close()
    this.#streams.delete(agentId)
  }
}
