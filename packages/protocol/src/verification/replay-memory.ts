import type { Eventual } from '../keys/crypto-backend.ts'

/**
 * What a memory says of a proof. Only `fresh` is a yes.
 *
 * `full`: nothing may be forgotten yet and nothing more fits. `away`: the memory is somewhere else and cannot be asked.
 * `forgotten`: the memory began later than the proof can have been used, or has lost what came before.
 */
export type ReplayAnswer = 'fresh' | 'replayed' | 'full' | 'away' | 'forgotten'

/** Remembers which proofs were used. `remember` is one atomic step: of several callers with one key, one gets `fresh`. */
export interface ReplayMemory {
  /**
   * @param key names sender and proof, so the same key always comes with the same sender
   * @param expiresAt seconds since the Unix epoch from which on the proof is refused for its age anyway
   * @param sender who made the proof: no sender may use up the memory of all
   * @param usableFrom seconds since the Unix epoch before which no verifier of this memory can have accepted the proof,
   *   for memories that may have lost what came before some time
   */
  remember(key: string, expiresAt: number, now: number, sender?: string, usableFrom?: number): Eventual<ReplayAnswer>
}

export interface ReplayMemoryOptions {
  /** Proofs remembered at once, default 1,000,000: about 150 MB. */
  readonly capacity?: number
  /** Share of the capacity one sender may fill, above 0 up to 1; default one half. */
  readonly senderShare?: number
}

/** Seconds of expiry kept together. Memory is given back in steps of this size. */
const BUCKET_SECONDS = 16

const DEFAULT_CAPACITY = 1_000_000
const DEFAULT_SENDER_SHARE = 0.5

interface Remembered {
  readonly key: string
  readonly sender: string | undefined
}

/**
 * Replay memory of one process. Exact: it forgets nothing that could still be accepted and refuses nothing that is new.
 * Bounded: when full of live entries it says so instead of forgetting one, since forgetting would be a way in.
 */
export class InProcessReplayMemory implements ReplayMemory {
  readonly #capacity: number
  readonly #senderCapacity: number
  readonly #seen = new Set<string>()
  readonly #bySender = new Map<string, number>()
  readonly #buckets = new Map<number, Remembered[]>()
  #sweptUntil = Number.NEGATIVE_INFINITY

  constructor(options: ReplayMemoryOptions = {}) {
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY
    this.#senderCapacity = Math.max(1, Math.floor(this.#capacity * (options.senderShare ?? DEFAULT_SENDER_SHARE)))
  }

  get size(): number {
    return this.#seen.size
  }

  /** @throws TypeError for a time that is not a finite number: it would empty the memory, or fill it for ever */
  remember(key: string, expiresAt: number, now: number, sender?: string): 'fresh' | 'replayed' | 'full' {
    if (!Number.isFinite(now) || !Number.isFinite(expiresAt)) throw new TypeError('times must be finite numbers')
    this.#sweep(now)
    const bucket = Math.ceil(expiresAt / BUCKET_SECONDS)
    // Who asks by an earlier time, as after waiting for keys, asks about what may be forgotten already.
    if (bucket <= this.#sweptUntil) return 'replayed'
    if (this.#seen.has(key)) return 'replayed'
    const used = sender === undefined ? 0 : (this.#bySender.get(sender) ?? 0)
    if (this.#seen.size >= this.#capacity || used >= this.#senderCapacity) return 'full'
    this.#seen.add(key)
    if (sender !== undefined) this.#bySender.set(sender, used + 1)
    const entries = this.#buckets.get(bucket)
    if (entries === undefined) this.#buckets.set(bucket, [{ key, sender }])
    else entries.push({ key, sender })
    return 'fresh'
  }

  /** Drops buckets whose last entry has expired. At most once per bucket length, over a handful of buckets. */
  #sweep(now: number): void {
    const current = Math.floor(now / BUCKET_SECONDS)
    if (current <= this.#sweptUntil) return
    this.#sweptUntil = current
    for (const [bucket, entries] of this.#buckets) {
      if (bucket > current) continue
      for (const entry of entries) this.#forget(entry)
      this.#buckets.delete(bucket)
    }
  }

  #forget({ key, sender }: Remembered): void {
    this.#seen.delete(key)
    if (sender === undefined) return
    const left = (this.#bySender.get(sender) ?? 0) - 1
    if (left > 0) this.#bySender.set(sender, left)
    else this.#bySender.delete(sender)
  }
}
