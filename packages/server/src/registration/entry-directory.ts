import { EntrySetDigest } from '@countersign/api'
import type { StoreChange } from '../store/change-feed.ts'
import { eachPageOfEntries } from '../store/entry-queries.ts'
import { selectNodeSelectors } from '../store/node-store.ts'
import { currentRevision, type Store } from '../store/store.ts'
import { type EntryRecord, isOver, toRecord } from './entry-record.ts'
import { NodeAliases } from './node-aliases.ts'
import { ParentGroup } from './parent-group.ts'
import { type RecentChange, RecentChanges } from './recent-changes.ts'

/** @param parents below which something has changed: aliases, and agents, which stand for themselves */
export type DirectoryListener = (parents: ReadonlySet<string>, change: StoreChange) => void

/**
 * All entries in memory, filed by the agents they are for. Made of the store at start and kept by its feed from then on:
 * the feed speaks before the next writer begins, so whoever reads this inside a transaction of the store reads one state.
 */
export class EntryDirectory {
  readonly #entries = new Map<string, EntryRecord>()
  readonly #groups = new Map<string, ParentGroup>()
  readonly #aliases = new NodeAliases()
  readonly #listeners = new Set<DirectoryListener>()
  readonly #recent: RecentChanges
  #revision: number

  private constructor(revision: number) {
    this.#revision = revision
    this.#recent = new RecentChanges(revision)
  }

  static async open(store: Store): Promise<EntryDirectory> {
    return store.read(async (snapshot) => {
      const directory = new EntryDirectory(await currentRevision(snapshot))
      for (const { agentId, selectors } of await selectNodeSelectors(snapshot)) {
        directory.#aliases.putNode(agentId, selectors, directory.#revision)
      }
      for await (const page of eachPageOfEntries(snapshot)) {
        for (const entry of page) directory.#put(toRecord(entry))
      }
      store.feed.subscribe((change) => directory.#onChange(change))
      return directory
    })
  }

  /** Of the newest change. */
  get revision(): number {
    return this.#revision
  }

  get size(): number {
    return this.#entries.size
  }

  /** Tells whose entries may differ after a change of entries. @returns ends that */
  subscribe(listener: DirectoryListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** An entry that is the agent's and not over. Of every other, undefined. */
  find(agentId: string, entryId: string, now: number): EntryRecord | undefined {
    const record = this.#entries.get(entryId)
    if (record === undefined || isOver(record, now)) return undefined
    return this.#aliases.isBelow(agentId, record.parentId, now) ? record : undefined
  }

  /** Below whom the agent's entries lie: its own identifier, then its aliases. The same object while that is so. */
  parentsOf(agentId: string): readonly string[] {
    return this.#aliases.parentsOf(agentId)
  }

  /** Whose entries lie below this parent: members of an alias, or the agent itself. */
  agentsBelow(parentId: string): Iterable<string> {
    return this.#aliases.agentsBelow(parentId)
  }

  /** All entries below these parents. */
  *entriesBelow(parents: readonly string[]): Generator<EntryRecord> {
    for (const parent of parents) yield* this.#groups.get(parent)?.records ?? []
  }

  countBelow(parents: readonly string[]): number {
    return parents.reduce((sum, parent) => sum + (this.#groups.get(parent)?.size ?? 0), 0)
  }

  digestBelow(parents: readonly string[]): EntrySetDigest {
    const digest = new EntrySetDigest()
    for (const parent of parents) {
      const group = this.#groups.get(parent)
      if (group !== undefined) digest.merge(group.digest)
    }
    return digest
  }

  /** Trust domains that some entry below these parents names, in order. */
  federatedBelow(parents: readonly string[]): string[] {
    const names = new Set<string>()
    for (const parent of parents) for (const name of this.#groups.get(parent)?.federatesWith ?? []) names.add(name)
    return [...names].sort()
  }

  /** The entry, if it lies below one of these parents. */
  getBelow(parents: readonly string[], entryId: string): EntryRecord | undefined {
    const record = this.#entries.get(entryId)
    return record !== undefined && parents.includes(record.parentId) ? record : undefined
  }

  /** @returns undefined when that is too long ago */
  changesSince(revision: number): readonly RecentChange[] | undefined {
    return this.#recent.since(revision)
  }

  /** Whether the agent had other aliases at that revision, or may have had. */
  hadOtherParents(agentId: string, revision: number): boolean {
    return this.#aliases.parentsSince(agentId) > revision
  }

  #onChange(change: StoreChange): void {
    this.#revision = change.revision
    const { kind, subject, revision, entry, node } = change
    if (node !== undefined) this.#aliases.putNode(subject, node.selectors, revision)
    else if (kind === 'node.evicted') this.#aliases.removeNode(subject)
    if (entry === undefined) return
    const parents = new Set([entry.before, entry.after].flatMap((each) => (each === undefined ? [] : [each.parentId])))
    this.#recent.push({ revision, entryId: subject, parents: [...parents] })
    const others = [
      ...(entry.before === undefined ? [] : this.#remove(subject, revision)),
      ...(entry.after === undefined ? [] : this.#put(toRecord(entry.after), revision)),
    ]
    for (const agentId of others) parents.add(agentId)
    for (const listener of [...this.#listeners]) listener(parents, change)
  }

  /** @returns the nodes that got or lost an alias by it */
  #put(record: EntryRecord, revision = this.#revision): readonly string[] {
    this.#entries.set(record.id, record)
    const group = this.#groups.get(record.parentId) ?? new ParentGroup()
    this.#groups.set(record.parentId, group)
    group.add(record)
    return record.aliasSelectors === undefined ? [] : this.#aliases.addAlias(record, revision)
  }

  /** @returns the nodes that got or lost an alias by it */
  #remove(id: string, revision: number): readonly string[] {
    const record = this.#entries.get(id)
    if (record === undefined) return []
    this.#entries.delete(id)
    const group = this.#groups.get(record.parentId)
    group?.delete(record)
    if (group?.size === 0) this.#groups.delete(record.parentId)
    return record.aliasSelectors === undefined ? [] : this.#aliases.removeAlias(id, revision)
  }
}
