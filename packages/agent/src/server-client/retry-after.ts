import type { Clock } from '@countersign/plugin-kit'
import { pause } from '../pause.ts'
import { ServerCallError } from './server-call-error.ts'

/** A server that asks for more patience than this is not believed to mean it. */
const MAX_SECONDS = 60

/** Holds calls back for as long as the server has asked for: it takes no more of them from this agent until then. */
export class RetryAfter {
  readonly #clock: Clock
  #until = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Makes the call when the server wants it, again if it does not yet.
   *
   * @param timeoutMs patience for all of it
   * @throws ServerCallError `ERR_AGENT_SERVER_BUSY` when that would take longer, or what `call` threw for another reason
   */
  async run<T>(timeoutMs: number, call: () => Promise<T>): Promise<T> {
    const deadline = this.#clock.now() + timeoutMs / 1000
    for (;;) {
      await this.#wait(deadline)
      try {
        return await call()
      } catch (error) {
        if (!(error instanceof ServerCallError) || error.retryAfterSeconds === undefined) throw error
        const seconds = Math.min(MAX_SECONDS, Math.max(1, error.retryAfterSeconds))
        this.#until = Math.max(this.#until, this.#clock.now() + seconds)
      }
    }
  }

  async #wait(deadline: number): Promise<void> {
    const seconds = this.#until - this.#clock.now()
    if (seconds <= 0) return
    // Nobody asked for that long: the clock was set back.
    if (seconds > MAX_SECONDS) {
      this.#until = 0
      return
    }
    if (this.#until > deadline) {
      throw new ServerCallError('ERR_AGENT_SERVER_BUSY', 'server takes no more calls of this agent for now')
    }
    await pause(this.#clock, seconds * 1000, new AbortController().signal)
  }
}
