import { syncDigest, type TaintedAuthority, type TrustDomainBundle } from '@countersign/api'
import { requireCurrentNode } from '../store/node-store.ts'
import type { Store } from '../store/store.ts'
import type { EntryDirectory } from './entry-directory.ts'
import type { EntryRecord } from './entry-record.ts'
import { SharedTrust, type Trust } from './shared-trust.ts'

/** What an agent has, as it says itself after a connection was lost. */
export interface SyncClaim {
  readonly revision: number
  readonly digest: string
}

/** What an agent was sent, as far as must be known to send the next difference. A few references for each agent. */
export interface SyncSent extends SyncClaim {
  /** Its own identifier and its aliases. */
  readonly parents: readonly string[]
  readonly bundles: readonly TrustDomainBundle[]
  readonly tainted: readonly TaintedAuthority[]
  readonly crls: readonly string[]
  readonly intermediates: readonly string[]
}

export interface SyncAnswer {
  /** - `current`: nothing of the agent's has changed */
  readonly event: 'sync' | 'change' | 'current'
  /** JSON of a `SyncState`, `SyncChange` or `SyncMark`. */
  readonly data: string
  readonly sent: SyncSent
}

/** A difference with more removals than this is no smaller than the whole. */
const MAX_REMOVED = 4_096

/** Tells one agent what it may know: all of it, or what is new since it was last told. */
export class SyncStates {
  readonly #store: Store
  readonly #directory: EntryDirectory
  readonly #trust: SharedTrust
  readonly #trustDomain: string

  constructor(store: Store, directory: EntryDirectory, trustDomain: string) {
    this.#store = store
    this.#directory = directory
    this.#trust = new SharedTrust(store, trustDomain)
    this.#trustDomain = trustDomain
  }

  /**
   * Entries that are over are in it until they are removed, which happens at once when the disk can be written: the agent
   * has a clock of its own, and nothing is issued for them.
   *
   * @param serial of the certificate the agent came with
   * @param basis what the agent has; without it, all is told
   * @throws NodeError `ERR_NODE_BANNED`, `ERR_NODE_UNKNOWN`: asked in the same view, so that nothing is told to a node
   *   that was refused before
   */
  read(agentId: string, serial: string, basis?: SyncClaim | SyncSent): Promise<SyncAnswer> {
    return this.#store.read(async (snapshot) => {
      await requireCurrentNode(snapshot, agentId, serial)
      const now = this.#present(agentId, await this.#trust.read(snapshot))
      if (basis === undefined) return this.#whole(now)
      if (basis.digest === now.digest) return { event: 'current', data: markText(now), sent: now }
      return this.#difference(agentId, basis, now) ?? this.#whole(now)
    })
  }

  #present(agentId: string, { bundles: known, tainted, crls, intermediates }: Trust): SyncSent {
    const parents = this.#directory.parentsOf(agentId)
    const names = [this.#trustDomain, ...this.#directory.federatedBelow(parents)]
    const bundles = names.flatMap((name) => known.get(name) ?? [])
    const [, ...aliases] = parents
    const trust = { bundles, tainted, crls, intermediates }
    const digest = syncDigest(this.#directory.digestBelow(parents), { aliases, ...trust })
    return { revision: this.#directory.revision, digest, parents, ...trust }
  }

  #whole(now: SyncSent): SyncAnswer {
    const { revision, digest, parents, bundles, tainted, crls, intermediates } = now
    const [, ...aliases] = parents
    const members = [
      `"revision":${revision}`,
      `"trustDomain":${JSON.stringify(this.#trustDomain)}`,
      ...(aliases.length === 0 ? [] : [`"aliases":${JSON.stringify(aliases)}`]),
      `"entries":${listText(this.#directory.entriesBelow(parents))}`,
      `"bundles":${this.#bundlesText(bundles)}`,
      ...(tainted.length === 0 ? [] : [`"tainted":${this.#trust.textOf(tainted)}`]),
      ...(crls.length === 0 ? [] : [`"crls":${this.#trust.textOf(crls)}`]),
      ...(intermediates.length === 0 ? [] : [`"intermediates":${this.#trust.textOf(intermediates)}`]),
      `"digest":${JSON.stringify(digest)}`,
    ]
    return { event: 'sync', data: `{${members.join(',')}}`, sent: now }
  }

  /** @returns undefined when it is not known any more, or no smaller than the whole */
  #difference(agentId: string, basis: SyncClaim | SyncSent, now: SyncSent): SyncAnswer | undefined {
    const before = 'parents' in basis ? basis : undefined
    if (basis.revision > now.revision) return undefined
    if (before === undefined && this.#directory.hadOtherParents(agentId, basis.revision)) return undefined
    const entries = this.#changedEntries(before?.parents ?? now.parents, basis.revision, now)
    if (entries === undefined) return undefined
    const { changed, removed } = entries
    const members = [
      `"after":${basis.revision}`,
      `"revision":${now.revision}`,
      ...(sameItems(before?.parents, now.parents) ? [] : [`"aliases":${JSON.stringify(now.parents.slice(1))}`]),
      ...(changed.length === 0 ? [] : [`"entries":${listText(changed)}`]),
      ...(removed.length === 0 ? [] : [`"removed":${JSON.stringify(removed)}`]),
      ...this.#changedTrust(before, now),
      `"digest":${JSON.stringify(now.digest)}`,
    ]
    return { event: 'change', data: `{${members.join(',')}}`, sent: now }
  }

  #changedEntries(parentsBefore: readonly string[], revision: number, { parents }: SyncSent) {
    const recent = this.#directory.changesSince(revision)
    if (recent === undefined) return undefined
    const changed = new Map<string, EntryRecord>()
    const removed = new Set<string>()
    for (const { entryId, parents: touched } of recent) {
      if (!touched.some((parent) => parents.includes(parent) || parentsBefore.includes(parent))) continue
      const record = this.#directory.getBelow(parents, entryId)
      if (record === undefined) removed.add(entryId)
      else changed.set(entryId, record)
    }
    const gained = parents.filter((parent) => !parentsBefore.includes(parent))
    for (const record of this.#directory.entriesBelow(gained)) changed.set(record.id, record)
    if (removed.size > MAX_REMOVED || changed.size > this.#directory.countBelow(parents) / 2 + MIN_WHOLE)
      return undefined
    return { changed: [...changed.values()], removed: [...removed] }
  }

  #changedTrust(before: SyncSent | undefined, now: SyncSent): string[] {
    const had = new Set(before?.bundles)
    const bundles = now.bundles.filter((each) => !had.has(each))
    const names = now.bundles.map(({ trustDomain }) => trustDomain)
    return [
      ...(before !== undefined && sameItems(before.bundles, now.bundles)
        ? []
        : [`"trustDomains":${JSON.stringify(names)}`, `"bundles":${this.#bundlesText(bundles)}`]),
      ...(before?.tainted === now.tainted ? [] : [`"tainted":${this.#trust.textOf(now.tainted)}`]),
      ...(before?.crls === now.crls ? [] : [`"crls":${this.#trust.textOf(now.crls)}`]),
      ...(before?.intermediates === now.intermediates
        ? []
        : [`"intermediates":${this.#trust.textOf(now.intermediates)}`]),
    ]
  }

  #bundlesText(bundles: readonly TrustDomainBundle[]): string {
    return `[${bundles.map((each) => this.#trust.textOf(each)).join(',')}]`
  }
}

/** So few entries are sent as a difference, whatever share of all they are. */
const MIN_WHOLE = 64

export function markText({ revision, digest }: SyncClaim): string {
  return JSON.stringify({ revision, digest })
}

function listText(records: Iterable<EntryRecord>): string {
  return `[${Array.from(records, ({ json }) => json).join(',')}]`
}

function sameItems<T>(a: readonly T[] | undefined, b: readonly T[]): boolean {
  return a !== undefined && a.length === b.length && a.every((each, index) => each === b[index])
}
