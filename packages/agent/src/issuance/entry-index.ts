import type { Entry } from '@countersign/api'
import { formatSelector, type Selector } from '@countersign/plugin-kit'

interface IndexedEntry {
  readonly entry: Entry
  readonly selectors: readonly string[]
}

/**
 * Finds the entries a process matches: those all of whose selectors it has.
 *
 * Entries are filed under one of their selectors, so a lookup reads only those that share one with the process.
 */
export class EntryIndex {
  /** Oldest first. */
  readonly entries: readonly Entry[]
  readonly #bySelector = new Map<string, IndexedEntry[]>()

  constructor(entries: readonly Entry[]) {
    this.entries = [...entries].sort(byAge)
    const frequency = countSelectors(this.entries)
    for (const entry of this.entries) {
      const selectors = [...new Set(entry.selectors.map(formatSelector))]
      // An entry without selectors would match every process; the server refuses such, and so does this.
      const [rarest] = selectors.toSorted((a, b) => (frequency.get(a) ?? 0) - (frequency.get(b) ?? 0))
      if (rarest === undefined) continue
      const filed = this.#bySelector.get(rarest)
      if (filed === undefined) this.#bySelector.set(rarest, [{ entry, selectors }])
      else filed.push({ entry, selectors })
    }
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
}

export function isCurrent(entry: Entry, now: number): boolean {
  return entry.expiresAt === undefined || entry.expiresAt > now
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
