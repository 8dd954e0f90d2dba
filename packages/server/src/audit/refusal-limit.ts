import type { Clock } from '@countersign/plugin-kit'

const PERIOD_SECONDS = 60

/**
 * Lets one refusal of each sort through in a minute and counts the others. Whoever needs no credential to be refused
 * could otherwise fill the log. Give it few sorts: it forgets none.
 */
export class RefusalLimit {
  readonly #clock: Clock
  readonly #sorts = new Map<string, { readonly since: number; omitted: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @returns how many were left out since the last that was let through, or `undefined` when this one is too */
  admit(sort: string): number | undefined {
    const now = this.#clock.now()
    const last = this.#sorts.get(sort)
    // A clock that was set back must not silence anything for longer.
    if (last !== undefined && now >= last.since && now < last.since + PERIOD_SECONDS) {
      last.omitted++
      return undefined
    }
    this.#sorts.set(sort, { since: now, omitted: 0 })
    return last?.omitted ?? 0
  }
}
