import type { Eventual } from '../keys/crypto-backend.ts'

/**
 * Remembers which proofs were used. `remember` is one atomic step: of several callers with one key, one gets `fresh`.
 *
 * `full` means that nothing may be forgotten yet and nothing more fits: the caller must refuse the request.
 */
export interface ReplayMemory {
  /**
   * @param key names sender and proof
   * @param expiresAt seconds since the Unix epoch from which on the proof is refused for its age anyway
   */
  remember(key: string, expiresAt: number, now: number): Eventual<'fresh' | 'replayed' | 'full'>
}

/** Seconds of expiry kept together. Memory is given back in steps of this size. */
const BUCKET_SECONDS = 16

const DEFAULT_CAPACITY = 1_000_000

/**
 * Replay memory of one process. Exact: it forgets nothing that could still be accepted and refuses nothing that is new.
 * Bounded: when full of live entries it says so instead of forgetting one, since forgetting would be a way in.
 */
export class InProcessReplayMemory implements ReplayMemory {
  readonly #capacity: number
  readonly #seen = new Set<string>()
  readonly #buckets = new Map<number, string[]>()
  #sweptUntil = Number.NEGATIVE_INFINITY

  constructor(options: { readonly capacity?: number } = {}) {
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY
  }

  get size(): number {
    return this.#seen.size
  }

  remember(key: string, expiresAt: number, now: number): 'fresh' | 'replayed' | 'full' {
    this.#sweep(now)
    if (this.#seen.has(key)) return 'replayed'
    if (this.#seen.size >= this.#capacity) return 'full'
    this.#seen.add(key)
    const bucket = Math.ceil(expiresAt / BUCKET_SECONDS)
    const keys = this.#buckets.get(bucket)
    if (keys === undefined) this.#buckets.set(bucket, [key])
    else keys.push(key)
    return 'fresh'
  }

  /** Drops buckets whose last entry has expired. At most once per bucket length, over a handful of buckets. */
  #sweep(now: number): void {
    const current = Math.floor(now / BUCKET_SECONDS)
    if (current <= this.#sweptUntil) return
    this.#sweptUntil = current
    for (const [bucket, keys] of this.#buckets) {
      if (bucket > current) continue
      for (const key of keys) this.#seen.delete(key)
      this.#buckets.delete(bucket)
    }
  }
}
