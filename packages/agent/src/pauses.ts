import type { Clock } from '@countersign/plugin-kit'
import { pause } from './pause.ts'

/** Pauses that all end at once when what they wait for may be long past, as after sleep. */
export class Pauses {
  readonly #clock: Clock
  #waking = new AbortController()
  #ended = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How often all were ended: who asks before and after knows why a pause was over. */
  get ended(): number {
    return this.#ended
  }

  async for(milliseconds: number, signal: AbortSignal): Promise<void> {
    await pause(this.#clock, milliseconds, AbortSignal.any([signal, this.#waking.signal]))
  }

  endAll(): void {
    this.#ended += 1
    const waking = this.#waking
    this.#waking = new AbortController()
    waking.abort()
  }
}
