import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import type { EntryDirectory } from './entry-directory.ts'

export interface EntryExpiryOptions {
  readonly directory: Pick<EntryDirectory, 'subscribe'>
  /** Seconds since the epoch. */
  readonly nextExpiry: () => Promise<number | undefined>
  readonly removeExpired: () => Promise<void>
  /** By a clock that is ahead, everything would be over. */
  readonly clockIsRight: () => boolean
  readonly clock: Clock
  readonly log: Logger
}

/** Clocks are set, and hosts sleep: nothing is waited for longer than this without looking at the time again. */
const MAX_WAIT_SECONDS = 60
/** After a failure: a full disk is not emptied by asking it every second. */
const RETRY_SECONDS = 10

/** Removes each entry in the second in which it is over, so that its agents are told at once. */
export class EntryExpiry {
  readonly #options: EntryExpiryOptions
  readonly #unsubscribe: () => void
  /** When to look again. */
  #next = Number.POSITIVE_INFINITY
  #cancel: () => void = () => {}
  #round: Promise<void> = Promise.resolve()
  #isStopped = false

  private constructor(options: EntryExpiryOptions) {
    this.#options = options
    this.#unsubscribe = options.directory.subscribe((_, { entry }) => this.#expect(entry?.after?.expiresAt))
  }

  static async start(options: EntryExpiryOptions): Promise<EntryExpiry> {
    const expiry = new EntryExpiry(options)
    expiry.#expect(await options.nextExpiry())
    return expiry
  }

  /** Resolves when nothing is being removed any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#unsubscribe()
    this.#cancel()
    await this.#round
  }

  #expect(at = Number.POSITIVE_INFINITY): void {
    if (at >= this.#next || this.#isStopped) return
    this.#next = at
    const { clock } = this.#options
    const seconds = Math.min(Math.max(at - clock.now(), 0), MAX_WAIT_SECONDS)
    this.#cancel()
    this.#cancel = clock.schedule(seconds * 1000, () => {
      this.#round = this.#run()
    })
  }

  async #run(): Promise<void> {
    const { clock, removeExpired, nextExpiry, clockIsRight, log } = this.#options
    const due = this.#next
    this.#next = Number.POSITIVE_INFINITY
    try {
      if (!clockIsRight()) return this.#expect(clock.now() + RETRY_SECONDS)
      if (clock.now() >= due) await removeExpired()
      this.#expect(await nextExpiry())
    } catch (error) {
      log.error({ code: errorCode(error), err: error }, 'expired entries are not removed yet')
      this.#expect(clock.now() + RETRY_SECONDS)
    }
  }
}
