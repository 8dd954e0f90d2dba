import type { TrustDomainBundle } from './common.ts'
import type { Entry } from './entry.ts'
import type { SyncChange, SyncMark, SyncState } from './machine.ts'
import { EntrySetDigest, syncDigest } from './sync-digest.ts'

/** What an agent has been told: a whole state, and the changes that came after it. Entries that stay are the same objects. */
export class SyncedState {
  #state: SyncState
  readonly #entries: Map<string, Entry>
  readonly #entriesDigest: EntrySetDigest
  #digest: string

  constructor(state: SyncState) {
    this.#state = state
    this.#entries = new Map(state.entries.map((entry) => [entry.id, entry]))
    this.#entriesDigest = EntrySetDigest.of(this.#entries.values())
    this.#digest = syncDigest(this.#entriesDigest, state)
  }

  /** Everything, as of the newest change. */
  get state(): SyncState {
    return this.#state
  }

  /** Of what is really here, whatever the server said of it. */
  get digest(): string {
    return this.#digest
  }

  /**
   * Takes a change. When it returns false something was missed, now or before: what is here is of no use any more, and the
   * whole state is to be asked for.
   */
  apply(change: SyncChange): boolean {
    if (change.after !== this.#state.revision) return false
    const bundles = this.#bundlesAfter(change)
    if (bundles === undefined) return false
    const { revision, trustDomain } = { ...this.#state, ...change }
    const aliases = change.aliases ?? this.#state.aliases
    const tainted = change.tainted ?? this.#state.tainted
    const crls = change.crls ?? this.#state.crls
    const intermediates = change.intermediates ?? this.#state.intermediates
    if (change.aliases !== undefined) this.#dropBelow(this.#state.aliases ?? [], change.aliases)
    for (const id of change.removed ?? []) this.#drop(id)
    for (const entry of change.entries ?? []) this.#put(entry)
    this.#digest = syncDigest(this.#entriesDigest, { aliases, bundles, tainted, crls, intermediates })
    this.#state = {
      ...{ revision, trustDomain, bundles, digest: this.#digest },
      entries: [...this.#entries.values()],
      ...(aliases !== undefined && aliases.length > 0 && { aliases }),
      ...(tainted !== undefined && tainted.length > 0 && { tainted }),
      ...(crls !== undefined && crls.length > 0 && { crls }),
      ...(intermediates !== undefined && intermediates.length > 0 && { intermediates }),
    }
    return this.#digest === change.digest
  }

  /** The server says that what is here is the newest. @returns false when it means something else, as `apply` does */
  confirm({ revision, digest }: SyncMark): boolean {
    if (digest !== this.#digest) return false
    this.#state = { ...this.#state, revision }
    return true
  }

  #put(entry: Entry): void {
    this.#drop(entry.id)
    this.#entries.set(entry.id, entry)
    this.#entriesDigest.add(entry)
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    this.#entriesDigest.delete(entry)
  }

  #dropBelow(before: readonly string[], after: readonly string[]): void {
    const lost = new Set(before.filter((alias) => !after.includes(alias)))
    if (lost.size === 0) return
    for (const entry of [...this.#entries.values()]) if (lost.has(entry.parentId)) this.#drop(entry.id)
  }

  /** @returns undefined when one is meant that was never sent */
  #bundlesAfter({ trustDomains, bundles: sent = [] }: SyncChange): TrustDomainBundle[] | undefined {
    if (trustDomains === undefined) return this.#state.bundles
    const known = new Map([...this.#state.bundles, ...sent].map((each) => [each.trustDomain, each]))
    const bundles = trustDomains.map((name) => known.get(name))
    return bundles.every((each) => each !== undefined) ? bundles : undefined
  }
}
