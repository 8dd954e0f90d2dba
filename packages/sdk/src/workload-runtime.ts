/** What a workload needs from its surroundings. */
export interface WorkloadRuntime {
  /** Seconds since the Unix epoch, whole. */
  readonly now: () => number
  readonly fetch: typeof globalThis.fetch
  /** Calls `run` once after a delay; the returned function cancels. */
  readonly schedule: (delayMs: number, run: () => void) => () => void
}
