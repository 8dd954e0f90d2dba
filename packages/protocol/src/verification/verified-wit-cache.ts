import type { VerifiedWit } from './verified-wit.ts'

/** Tokens one verifier keeps. A service sees as many as it has callers. */
const DEFAULT_CAPACITY = 4096

/**
 * Remembers verified WITs by the SHA-256 of their whole text, so that a caller's second request costs one signature
 * check instead of two and a key import. Bounded: roughly the least recently used goes first.
 *
 * It decides nothing: the verifier re-checks times and trust on each hit.
 */
export class VerifiedWitCache {
  readonly #capacity: number
  readonly #wits = new Map<string, VerifiedWit>()

  constructor(capacity = DEFAULT_CAPACITY) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#wits.size
  }

  get(digest: string): VerifiedWit | undefined {
    const wit = this.#wits.get(digest)
    if (wit === undefined) return undefined
    // Moving a hit to the end of the map makes its first key the least recently used one. Not while there is room:
    // the move costs as much as the look-up, and a little less order is the price.
    if (this.#wits.size >= this.#capacity) {
      this.#wits.delete(digest)
      this.#wits.set(digest, wit)
    }
    return wit
  }

  set(digest: string, wit: VerifiedWit): void {
    if (this.#capacity === 0) return
    if (this.#wits.size >= this.#capacity) {
      const [oldest] = this.#wits.keys()
      if (oldest !== undefined) this.#wits.delete(oldest)
    }
    this.#wits.set(digest, freeze(wit))
  }

  delete(digest: string): void {
    this.#wits.delete(digest)
  }
}

/** What is remembered is handed out again: a handler that changed it would write the next request's claims. */
function freeze(wit: VerifiedWit): VerifiedWit {
  freezeDeep(wit.claims)
  Object.freeze(wit.confirmationJwk)
  return Object.freeze(wit)
}

/** Depth is bounded by the parser that made the value. */
function freezeDeep(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  Object.freeze(value)
  for (const member of Object.values(value)) freezeDeep(member)
}
