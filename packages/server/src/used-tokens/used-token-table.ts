import { randomFillSync } from 'node:crypto'

/** Names a token: the first 128 bits of a SHA-256. */
export type TokenKey = Uint32Array
export const KEY_WORDS = 4

/** Counters that senders share by a hash; one more stands for nobody. */
export const SENDER_SLOTS = 65_536
export const NO_SENDER = SENDER_SLOTS

export interface UsedTokenTableOptions {
  /** Tokens remembered at once, default 1,000,000: about 50 MB. */
  readonly capacity?: number
  /** Share of the capacity that one sender may fill, above 0 up to 1; default one half. */
  readonly senderShare?: number
}

/** One part of the table, small enough to be made anew between two requests. */
interface Shard {
  keys: Uint32Array
  /** Seconds since the epoch. `FREE` and `GIVEN_BACK` are no times. */
  ends: Uint32Array
  senders: Uint32Array
  /** Slots that are not free. */
  taken: number
  /** Of what was over by then nothing needs to be here. */
  sweptAt: number
}

const SHARDS = 256
const LEAST_SLOTS = 32
/** Share of slots taken at the most. Beyond it searches get long. */
const MAX_LOAD = 0.7
const SWEEP_SECONDS = 16
const FREE = 0
const GIVEN_BACK = 1
const LATEST = 0xffff_ffff

/**
 * Which tokens were used, in 24 bytes each and none of them an object. Exact: it forgets nothing that could still be
 * accepted and refuses nothing that is new, but where two senders fall on one counter, which then have one share.
 */
export class UsedTokenTable {
  static readonly shards = SHARDS
  readonly #capacity: number
  readonly #senderCapacity: number
  readonly #shards = Array.from({ length: SHARDS }, () => emptyShard(LEAST_SLOTS))
  readonly #bySender = new Uint32Array(SENDER_SLOTS + 1)
  /** Secret, so that nobody can choose tokens that all fall on one slot. */
  readonly #multipliers = randomFillSync(new Uint32Array(3)).map((word) => word | 1)
  #size = 0
  #sweptAllAt = Number.NEGATIVE_INFINITY

  constructor(options: UsedTokenTableOptions = {}) {
    this.#capacity = options.capacity ?? 1_000_000
    this.#senderCapacity = Math.max(1, Math.floor(this.#capacity * (options.senderShare ?? 0.5)))
  }

  /** Some of them may be over and not swept yet. */
  get size(): number {
    return this.#size
  }

  /**
   * @param end seconds since the epoch from which on the token is refused for its age anyway
   * @param now may be earlier than at a call before: what was over by then is `replayed`
   */
  add(key: TokenKey, end: number, now: number, sender: number): 'fresh' | 'replayed' | 'full' {
    const shard = this.#shardOf(key)
    if (now >= shard.sweptAt + SWEEP_SECONDS) this.#sweep(shard, now)
    // Who asks by an earlier time, as after waiting for keys, asks about what may be forgotten already.
    if (Math.ceil(end) <= shard.sweptAt) return 'replayed'
    const known = this.#find(shard, key)
    if (shard.ends[known] !== FREE && shard.ends[known] !== GIVEN_BACK) return 'replayed'
    if (this.#isFull(sender)) {
      if (this.#sweptAllAt === now) return 'full'
      for (const each of this.#shards) this.#sweep(each, now)
      this.#sweptAllAt = now
      if (this.#isFull(sender)) return 'full'
    }
    this.#put(shard, key, Math.min(LATEST, Math.max(GIVEN_BACK + 1, Math.ceil(end))), sender)
    return 'fresh'
  }

  /** Takes back what `add` just called fresh. */
  giveBack(key: TokenKey): void {
    const shard = this.#shardOf(key)
    const slot = this.#find(shard, key)
    if ((shard.ends[slot] as number) <= GIVEN_BACK) return
    shard.ends[slot] = GIVEN_BACK
    this.#uncount(shard.senders[slot] as number)
  }

  /** Everything in one shard that is not over, in no order. The key is good until the next one is given. */
  forEachOf(shardIndex: number, now: number, visit: (key: TokenKey, end: number, sender: number) => void): void {
    const { keys, ends, senders } = this.#shards[shardIndex] as Shard
    for (let slot = 0; slot < ends.length; slot++) {
      const end = ends[slot] as number
      if (end > GIVEN_BACK && end > now) {
        visit(keys.subarray(slot * KEY_WORDS, (slot + 1) * KEY_WORDS), end, senders[slot] as number)
      }
    }
  }

  #isFull(sender: number): boolean {
    if (this.#size >= this.#capacity) return true
    return sender !== NO_SENDER && (this.#bySender[sender] as number) >= this.#senderCapacity
  }

  #shardOf(key: TokenKey): Shard {
    return this.#shards[(key[0] as number) % SHARDS] as Shard
  }

  /** The slot that has this key, or the free one where it belongs. */
  #find({ keys, ends }: Shard, key: TokenKey): number {
    const mask = ends.length - 1
    let slot = this.#hash(key) & mask
    while (ends[slot] !== FREE) {
      const at = slot * KEY_WORDS
      if (keys[at] === key[0] && keys[at + 1] === key[1] && keys[at + 2] === key[2] && keys[at + 3] === key[3]) break
      slot = (slot + 1) & mask
    }
    return slot
  }

  #hash(key: TokenKey): number {
    const [a, b, c] = this.#multipliers as unknown as [number, number, number]
    const sum = Math.imul(key[1] as number, a) + Math.imul(key[2] as number, b) + Math.imul(key[3] as number, c)
    return (sum ^ (sum >>> 15)) >>> 0
  }

  #put(shard: Shard, key: TokenKey, end: number, sender: number): void {
    if (shard.taken + 1 > shard.ends.length * MAX_LOAD) this.#remake(shard, shard.ends.length * 2)
    const slot = this.#find(shard, key)
    if (shard.ends[slot] === FREE) shard.taken += 1
    shard.keys.set(key, slot * KEY_WORDS)
    shard.ends[slot] = end
    shard.senders[slot] = sender
    this.#size += 1
    this.#bySender[sender] = (this.#bySender[sender] as number) + 1
  }

  /** Forgets what is over, and takes no more room than the rest needs. */
  #sweep(shard: Shard, now: number): void {
    // Never back, where the clock is: what was forgotten since would be new again.
    shard.sweptAt = Math.max(shard.sweptAt, now)
    const { ends, senders } = shard
    let left = 0
    for (let slot = 0; slot < ends.length; slot++) {
      const end = ends[slot] as number
      if (end === FREE || end === GIVEN_BACK) continue
      if (end > now) left += 1
      else {
        ends[slot] = GIVEN_BACK
        this.#uncount(senders[slot] as number)
      }
    }
    if (left === shard.taken) return
    let slots = LEAST_SLOTS
    while (left + 1 > slots * MAX_LOAD) slots *= 2
    this.#remake(shard, slots)
  }

  #remake(shard: Shard, slots: number): void {
    const { keys, ends, senders } = shard
    Object.assign(shard, emptyShard(slots), { sweptAt: shard.sweptAt })
    for (let slot = 0; slot < ends.length; slot++) {
      if ((ends[slot] as number) <= GIVEN_BACK) continue
      const key = keys.subarray(slot * KEY_WORDS, (slot + 1) * KEY_WORDS)
      const to = this.#find(shard, key)
      shard.keys.set(key, to * KEY_WORDS)
      shard.ends[to] = ends[slot] as number
      shard.senders[to] = senders[slot] as number
      shard.taken += 1
    }
  }

  #uncount(sender: number): void {
    this.#size -= 1
    this.#bySender[sender] = (this.#bySender[sender] as number) - 1
  }
}

function emptyShard(slots: number): Shard {
  return {
    keys: new Uint32Array(slots * KEY_WORDS),
    ends: new Uint32Array(slots),
    senders: new Uint32Array(slots),
    taken: 0,
    sweptAt: Number.NEGATIVE_INFINITY,
  }
}
