import { isDeepStrictEqual } from 'node:util'
import type { Entry } from '@countersign/api'
import { formatSelector, type Selector } from '@countersign/plugin-kit'

interface IndexedEntry {
  readonly entry: Entry
  readonly selectors: readonly string[]
}

/** A difference of more entries than this share is no cheaper than a new index. */
const MAX_PATCHED_SHARE = 0.05

/**
 * Finds the entries a process matches: those all of whose selectors it has.
 *
 * Entries are filed under one of their selectors, so a lookup reads only those that share one with the process. An index
 * is never changed; the next one shares with it what stays.
 */
export class EntryIndex {
  /** Oldest first. */
  readonly entries: readonly Entry[]
  readonly #bySelector: Map<string, readonly IndexedEntry[]>
  readonly #byId: Map<string, Entry>

  constructor(entries: readonly Entry[]) {
    this.entries = [...entries].sort(byAge)
    this.#byId = new Map(entries.map((entry) => [entry.id, entry]))
    this.#bySelector = new Map()
    const filed = new Map<string, IndexedEntry[]>()
    const frequency = countSelectors(this.entries)
    for (const entry of this.entries) {
      const selectors = [...new Set(entry.selectors.map(formatSelector))]
      const rarest = leastBy(selectors, (each) => frequency.get(each) ?? 0)
      // An entry without selectors would match every process; the server refuses such, and so does this.
      if (rarest === undefined) continue
      const list = filed.get(rarest)
      if (list === undefined) filed.set(rarest, [{ entry, selectors }])
      else list.push({ entry, selectors })
    }
    this.#bySelector = filed
  }

  /**
   * An index of other entries. What says the same stays the same object, so that everyone can see at a glance that it did
   * not change.
   */
  replacedBy(entries: readonly Entry[]): EntryIndex {
    const next = entries.map((entry) => keepSame(this.#byId.get(entry.id), entry))
    const staying = new Set<Entry>()
    const added: Entry[] = []
    for (const entry of next) {
      if (this.#byId.get(entry.id) === entry) staying.add(entry)
      else added.push(entry)
    }
    const removed = this.entries.filter((entry) => !staying.has(entry))
    if (added.length === 0 && removed.length === 0) return this
    if (added.length + removed.length > MAX_PATCHED_SHARE * this.entries.length) return new EntryIndex(next)
    const index = new EntryIndex([])
    index.#patch(this, staying, removed, added)
    return index
  }

  /**
   * The order is stable, oldest entry first: the first one is a program's default identity.
   *
   * @param now epoch seconds; entries past their `expiresAt` no longer match
   */
  match(selectors: readonly Selector[], now: number): readonly Entry[] {
    const own = new Set(selectors.map(formatSelector))
    const matches: Entry[] = []
    for (const selector of own) {
      for (const { entry, selectors: wanted } of this.#bySelector.get(selector) ?? []) {
        if (isCurrent(entry, now) && wanted.every((each) => own.has(each))) matches.push(entry)
      }
    }
    return matches.sort(byAge)
  }

  /** When the next entry expires after `now`, so that whoever shows it knows when to look again. */
  nextExpiry(entries: readonly Entry[]): number {
    return Math.min(...entries.map((entry) => entry.expiresAt ?? Number.POSITIVE_INFINITY))
  }

  /** Fills an empty index with what another has, but for a few. */
  #patch(other: EntryIndex, staying: ReadonlySet<Entry>, removed: readonly Entry[], added: readonly Entry[]): void {
    const entries = [...other.entries.filter((entry) => staying.has(entry)), ...added].sort(byAge)
    Object.assign(this, { entries })
    for (const [id, entry] of other.#byId) this.#byId.set(id, entry)
    for (const [selector, list] of other.#bySelector) this.#bySelector.set(selector, list)
    for (const entry of removed) {
      this.#byId.delete(entry.id)
      for (const selector of new Set(entry.selectors.map(formatSelector))) {
        const rest = this.#bySelector.get(selector)?.filter((filed) => filed.entry !== entry) ?? []
        if (rest.length > 0) this.#bySelector.set(selector, rest)
        else this.#bySelector.delete(selector)
      }
    }
    for (const entry of added) {
      this.#byId.set(entry.id, entry)
      const selectors = [...new Set(entry.selectors.map(formatSelector))]
      const rarest = leastBy(selectors, (each) => this.#bySelector.get(each)?.length ?? 0)
      if (rarest === undefined) continue
      this.#bySelector.set(rarest, [...(this.#bySelector.get(rarest) ?? []), { entry, selectors }])
    }
  }
}

export function isCurrent(entry: Entry, now: number): boolean {
  return entry.expiresAt === undefined || entry.expiresAt > now
}

function keepSame(before: Entry | undefined, after: Entry): Entry {
  return before !== undefined && (before === after || isDeepStrictEqual(before, after)) ? before : after
}

function leastBy(selectors: readonly string[], measure: (selector: string) => number): string | undefined {
  let least: string | undefined
  for (const each of selectors) if (least === undefined || measure(each) < measure(least)) least = each
  return least
}

function byAge(a: Entry, b: Entry): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function countSelectors(entries: readonly Entry[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const entry of entries) {
    for (const selector of entry.selectors.map(formatSelector)) counts.set(selector, (counts.get(selector) ?? 0) + 1)
  }
  return counts
}
