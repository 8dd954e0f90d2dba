import type { Clock } from '@countersign/plugin-kit'
import { giveBackFreeMemory } from './socket/libc.ts'

const QUIET_MS = 5_000

/** Gives back to the system, some seconds after a rush of connections, what the C library has kept of it. */
export class MemoryRelease {
  readonly #clock: Clock
  readonly #release: () => void
  #cancel: (() => void) | undefined
  #isTouched = false

  constructor(clock: Clock, release: () => void = giveBackFreeMemory) {
    this.#clock = clock
    this.#release = release
  }

  /** Something took or freed memory. */
  readonly touch = (): void => {
    this.#isTouched = true
    if (this.#cancel === undefined) this.#schedule()
  }

  close(): void {
    this.#cancel?.()
  }

  #schedule(): void {
    this.#isTouched = false
    this.#cancel = this.#clock.schedule(QUIET_MS, () => {
      this.#cancel = undefined
      if (this.#isTouched) this.#schedule()
      else this.#release()
    })
  }
}
