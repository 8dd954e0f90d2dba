interface Timer {
  readonly at: number
  readonly run: () => void
}

/** Callbacks one `advance` may run: a callback that always schedules itself again at once must not hang a test. */
const MAX_STEPS = 100_000

/** Turns of the event loop given to what a callback started before the next callback runs. */
const SETTLE_TURNS = 5

/** A clock that only moves when told to. Has the shape of `Clock` from `@countersign/plugin-kit`. */
export class FakeClock {
  #milliseconds: number
  /** By how much the time differs from the one that passed. */
  #shiftMilliseconds = 0
  readonly #timers = new Set<Timer>()

  /** @param now seconds since the Unix epoch */
  constructor(now = 1_800_000_000) {
    this.#milliseconds = now * 1000
  }

  /** Seconds since the Unix epoch, whole. */
  now(): number {
    return Math.floor((this.#milliseconds + this.#shiftMilliseconds) / 1000)
  }

  /** Calls `run` once, when `advance` has reached `milliseconds` from now. The returned function cancels. */
  schedule(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.#milliseconds + Math.max(0, milliseconds), run }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  /**
   * Moves time on and runs what falls due, earliest first, each with the clock at its own time. What a callback started
   * comes to rest before the next one runs, so a loop that schedules its next round keeps its rhythm.
   */
  async advance(seconds: number): Promise<void> {
    const end = this.#milliseconds + seconds * 1000
    await settle()
    for (let steps = 0; ; steps++) {
      const timer = this.#nextDue(end)
      if (timer === undefined) break
      if (steps === MAX_STEPS) throw new Error(`more than ${MAX_STEPS} callbacks fell due in ${seconds} seconds`)
      this.#timers.delete(timer)
      this.#milliseconds = Math.max(this.#milliseconds, timer.at)
      timer.run()
      await settle()
    }
    this.#milliseconds = end
  }

  /** Moves time on without running anything, as a suspended machine does. */
  jump(seconds: number): void {
    this.#milliseconds += seconds * 1000
  }

  /** Changes what time it is and nothing else, as when the clock is set: no timer comes nearer, as after a sleep. */
  shift(seconds: number): void {
    this.#shiftMilliseconds += seconds * 1000
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  #nextDue(end: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer
    }
    return next
  }
}

/** Lets started asynchronous work come to rest: a few turns of the event loop, and whatever it does with files. */
export async function settle(turns = SETTLE_TURNS): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (process.getActiveResourcesInfo().some((resource) => /^(FSReq|CloseReq)/.test(resource))) turn = 0
  }
}
