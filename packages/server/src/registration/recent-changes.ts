/** One entry that has come, gone or become another. */
export interface RecentChange {
  readonly revision: number
  readonly entryId: string
  /** Below whom it lay and lies; one of them or both. */
  readonly parents: readonly string[]
}

/** What an agent may be behind and still be sent the difference. Beyond that it is sent everything. */
const LENGTH = 16_384

/** The newest changes of entries, oldest first: so many and no more. */
export class RecentChanges {
  readonly #ring: RecentChange[] = []
  /** Where the next one goes, which is where the oldest is once the ring is full. */
  #next = 0
  /** All changes after this revision are in the ring. */
  #complete: number
  readonly #length: number

  /** @param revision after which every change will be told */
  constructor(revision: number, length = LENGTH) {
    this.#complete = revision
    this.#length = length
  }

  push(change: RecentChange): void {
    const oldest = this.#ring[this.#next]
    if (oldest !== undefined) this.#complete = oldest.revision
    this.#ring[this.#next] = change
    this.#next = (this.#next + 1) % this.#length
  }

  /** @returns undefined when that is too long ago */
  since(revision: number): RecentChange[] | undefined {
    if (revision < this.#complete) return undefined
    const changes: RecentChange[] = []
    // From the newest back: whoever asks is seldom far behind.
    for (let back = 1; back <= this.#ring.length; back++) {
      const change = this.#ring[(this.#next - back + this.#length) % this.#length]
      if (change === undefined || change.revision <= revision) break
      changes.push(change)
    }
    return changes.reverse()
  }
}
