import type { Clock } from '@countersign/plugin-kit'
import { RateError } from './rate-error.ts'

export interface IssuanceRateOptions {
  /** Credentials in a second, in the long run. */
  readonly perSecond: number
  /** Credentials at once. */
  readonly burst: number
  readonly clock: Clock
}

interface Bucket {
  tokens: number
  at: number
}

/** A bucket that is full says as much as none at all, so the full ones are dropped when there are this many. */
const SWEEP_SIZE = 4096

/**
 * How many credentials each agent may have issued: a token bucket for each. One agent that has gone wrong, or is in wrong
 * hands, must not take the server's time and disk from all others: each certificate is recorded until it ends.
 */
export class IssuanceRate {
  readonly #options: IssuanceRateOptions
  readonly #buckets = new Map<string, Bucket>()
  #sweepSize = SWEEP_SIZE

  constructor(options: IssuanceRateOptions) {
    this.#options = options
  }

  /** Agents of which something is remembered. */
  get size(): number {
    return this.#buckets.size
  }

  /**
   * Takes as many as one request asks for, or none.
   *
   * @param count at most `burst`, else the request could never be accepted
   * @throws RateError `ERR_RATE_ISSUANCE`
   */
  take(agentId: string, count: number): void {
    const { perSecond, burst, clock } = this.#options
    const now = clock.now()
    const bucket = this.#buckets.get(agentId) ?? { tokens: burst, at: now }
    // A clock that was set back fills nothing, and must not keep from filling.
    bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) * perSecond)
    bucket.at = now
    this.#buckets.set(agentId, bucket)
    if (bucket.tokens < count) {
      const seconds = Math.max(1, Math.ceil((count - bucket.tokens) / perSecond))
      throw new RateError('ERR_RATE_ISSUANCE', 'agent asks for more credentials than its share', seconds)
    }
    bucket.tokens -= count
    if (this.#buckets.size > this.#sweepSize) this.#sweep(now)
  }

  #sweep(now: number): void {
    const { perSecond, burst } = this.#options
    for (const [agentId, { tokens, at }] of this.#buckets) {
      if (tokens + (now - at) * perSecond >= burst) this.#buckets.delete(agentId)
    }
    // Or each request would look at all of them again.
    this.#sweepSize = Math.max(SWEEP_SIZE, this.#buckets.size * 2)
  }
}
