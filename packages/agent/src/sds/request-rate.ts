import type { Clock } from '@countersign/plugin-kit'
import { GrpcStatus } from '@countersign/workload-api/server'
import { RpcError } from '../workload-api/rpc-error.ts'

const BURST = 200
const PER_SECOND = 10

/**
 * How many requests one stream may send. A client acknowledges each response once and changes what it wants now and
 * then; one that does nothing else has gone wrong, and waits before it opens its next stream.
 */
export class RequestRate {
  readonly #clock: Clock
  #left = BURST
  #at: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#at = clock.now()
  }

  /** @throws RpcError RESOURCE_EXHAUSTED */
  count(): void {
    const now = this.#clock.now()
    // A clock that was set back gives nothing, and takes nothing away.
    this.#left = Math.min(BURST, this.#left + Math.max(0, now - this.#at) * PER_SECOND)
    this.#at = now
    if (!(this.#left >= 1)) throw new RpcError(GrpcStatus.RESOURCE_EXHAUSTED, 'too many requests on one stream')
    this.#left -= 1
  }
}
