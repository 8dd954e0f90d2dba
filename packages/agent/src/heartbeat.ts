import type { Clock } from '@countersign/plugin-kit'

export interface HeartbeatOptions {
  readonly clock: Clock
  /** What is to be looked after every few seconds. */
  readonly onBeat: () => void
  /** @param seconds by how much the time is another than the one that passed for timers */
  readonly onShift: (seconds: number) => void
}

const BEAT_SECONDS = 2
/** A busy machine is late without having slept. */
const LATE_SECONDS = 5

/**
 * Notices that the machine slept, or that its clock was set. Timers stand still in sleep and know nothing of a clock: one
 * that waits for half past would go off hours later.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  #cancel: () => void
  #lastAt: number

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#lastAt = options.clock.now()
    this.#cancel = this.#schedule()
  }

  stop(): void {
    this.#cancel()
  }

  #schedule(): () => void {
    return this.#options.clock.schedule(BEAT_SECONDS * 1000, () => {
      this.#cancel = this.#schedule()
      this.#beat()
    })
  }

  #beat(): void {
    const now = this.#options.clock.now()
    const passed = now - this.#lastAt
    this.#lastAt = now
    if (passed < 0 || passed > BEAT_SECONDS + LATE_SECONDS) this.#options.onShift(passed - BEAT_SECONDS)
    this.#options.onBeat()
  }
}
