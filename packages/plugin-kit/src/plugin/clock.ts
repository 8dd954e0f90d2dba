/** Time, injected. */
export interface Clock {
  /** Seconds since the Unix epoch, whole. */
  now(): number
  /** Calls `run` once after `milliseconds`; the returned function cancels. Never keeps the process alive by itself. */
  schedule(milliseconds: number, run: () => void): () => void
}

/** Longest delay the platform's timers hold; longer ones would fire at once. */
const MAX_DELAY = 2_147_483_647

export const systemClock: Clock = {
  now: () => Math.floor(Date.now() / 1000),
  schedule(milliseconds, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, milliseconds), MAX_DELAY))
    timer.unref()
    return () => clearTimeout(timer)
  },
}
