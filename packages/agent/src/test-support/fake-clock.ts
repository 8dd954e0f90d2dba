import type { Clock } from '@countersign/plugin-kit'

interface Timer {
  readonly at: number
  readonly run: () => void
}

/** Time that moves only when told to. */
export class FakeClock implements Clock {
  #milliseconds: number
  readonly #timers = new Set<Timer>()

  constructor(now = 1_700_000_000) {
    this.#milliseconds = now * 1000
  }

  now(): number {
    return Math.floor(this.#milliseconds / 1000)
  }

  schedule(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.#milliseconds + Math.max(0, milliseconds), run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  get pending(): number {
    return this.#timers.size
  }

  /** Moves on, running what comes due in order and letting promises settle in between. */
  async advance(seconds: number): Promise<void> {
    const end = this.#milliseconds + seconds * 1000
    for (;;) {
      await settle()
      const next = [...this.#timers].sort((a, b) => a.at - b.at).find((timer) => timer.at <= end)
      if (next === undefined) break
      this.#timers.delete(next)
      this.#milliseconds = Math.max(this.#milliseconds, next.at)
      next.run()
    }
    this.#milliseconds = end
    await settle()
  }
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}
