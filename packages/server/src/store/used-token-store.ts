import { InProcessReplayMemory, type ReplayAnswer, type ReplayMemory } from '@countersign/protocol'
import type { Transaction } from 'kysely'
import type { Schema } from './schema.ts'
import type { Store } from './store.ts'

interface Waiting {
  readonly key: string
  readonly expiresAt: number
  readonly done: (answer: ReplayAnswer) => void
}

/** Requests that one transaction takes: others must not wait long for their turn. */
const MAX_TOGETHER = 512
const SWEEP_SECONDS = 60

export interface UsedTokenStoreOptions {
  readonly capacity?: number
}

/**
 * Remembers which assertions and proofs were used, over restarts and for every server on one store. What this process
 * knows is answered from memory, which also bounds each sender; the rest is written, many in one transaction, before it is
 * called fresh.
 */
export class UsedTokenStore implements ReplayMemory {
  readonly #store: Store
  readonly #own: InProcessReplayMemory
  #waiting: Waiting[] = []
  #isWriting = false
  #sweptAt = Number.NEGATIVE_INFINITY

  constructor(store: Store, options: UsedTokenStoreOptions = {}) {
    this.#store = store
    this.#own = new InProcessReplayMemory(options)
  }

  /** @returns `away` when it cannot be written: what is not remembered could be used again */
  remember(key: string, expiresAt: number, now: number, sender?: string): ReplayAnswer | Promise<ReplayAnswer> {
    const answer = this.#own.remember(key, expiresAt, now, sender)
    if (answer !== 'fresh') return answer
    return new Promise((done) => {
      this.#waiting.push({ key, expiresAt: Math.ceil(expiresAt), done })
      if (!this.#isWriting) void this.#writeAll(now)
    })
  }

  async #writeAll(now: number): Promise<void> {
    this.#isWriting = true
    // Whatever else is under way in this turn comes along.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const together = this.#waiting.splice(0, MAX_TOGETHER)
      try {
        const fresh = await this.#store.note((db) => this.#write(db, together, now))
        for (const { key, done } of together) done(fresh.has(key) ? 'fresh' : 'replayed')
      } catch {
        for (const { done } of together) done('away')
      }
    }
    this.#isWriting = false
  }

  async #write(db: Transaction<Schema>, together: readonly Waiting[], now: number): Promise<ReadonlySet<string>> {
    if (now >= this.#sweptAt + SWEEP_SECONDS || now < this.#sweptAt) {
      await db.deleteFrom('used_tokens').where('expires_at', '<=', now).execute()
      this.#sweptAt = now
    }
    const rows = await db
      .insertInto('used_tokens')
      .values(together.map(({ key, expiresAt }) => ({ key, expires_at: expiresAt })))
      .onConflict((conflict) => conflict.doNothing())
      .returning('key')
      .execute()
    return new Set(rows.map(({ key }) => key))
  }
}
