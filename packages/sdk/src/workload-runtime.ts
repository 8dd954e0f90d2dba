/** What a workload needs from its surroundings. */
export interface WorkloadRuntime {
  /** Seconds since the Unix epoch, whole. */
  readonly now: () => number
  readonly fetch: typeof globalThis.fetch
  /** Calls `run` once after a delay; the returned function cancels. */
  readonly schedule: (delayMs: number, run: () => void) => () => void
  /** At least 0, below 1. Spreads what many programs would do at the same time; no secret comes from it. */
  readonly random: () => number
}

/** The surroundings as they are. */
export const DEFAULT_RUNTIME: WorkloadRuntime = {
  now: () => Math.floor(Date.now() / 1000),
  fetch: (input, init) => globalThis.fetch(input, init),
  schedule: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
}
