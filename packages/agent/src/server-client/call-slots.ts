import type { Clock } from '@countersign/plugin-kit'
import { ServerCallError } from './server-call-error.ts'

/**
 * Lets a few calls run at a time. The others wait in order, so many and so long at most.
 *
 * Node's own `maxSockets` is no such limit here: it counts a connection only once it is open and verified, and opens
 * another for every request made meanwhile.
 */
export class CallSlots {
  readonly #limits: { readonly running: number; readonly waiting: number }
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()
  #running = 0

  constructor(limits: { readonly running: number; readonly waiting: number }, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** @throws ServerCallError `ERR_AGENT_SERVER_TIMEOUT` when no place becomes free in time, at once when too many wait */
  async run<T>(timeoutMs: number, call: () => Promise<T>): Promise<T> {
    await this.#acquire(timeoutMs)
    try {
      return await call()
    } finally {
      this.#release()
    }
  }

  #acquire(timeoutMs: number): Promise<void> | undefined {
    if (this.#running < this.#limits.running) {
      this.#running += 1
      return undefined
    }
    if (this.#waiting.size >= this.#limits.waiting) {
      throw new ServerCallError('ERR_AGENT_SERVER_TIMEOUT', 'too many calls wait for the server')
    }
    return new Promise((resolve, reject) => {
      const start = () => {
        cancel()
        resolve()
      }
      const cancel = this.#clock.schedule(timeoutMs, () => {
        this.#waiting.delete(start)
        reject(new ServerCallError('ERR_AGENT_SERVER_TIMEOUT', 'earlier calls to the server did not end in time'))
      })
      this.#waiting.add(start)
    })
  }

  /** Hands the place to the next in line, or frees it. */
  #release(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#running -= 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
