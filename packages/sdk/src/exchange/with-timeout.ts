import type { WorkloadRuntime } from '../workload-runtime.ts'

/** Hands `run` a signal that fires when it has taken too long. */
export async function withTimeout<T>(
  { schedule }: Pick<WorkloadRuntime, 'schedule'>,
  timeoutMs: number,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const cancel = schedule(timeoutMs, () => controller.abort())
  try {
    return await run(controller.signal)
  } finally {
    cancel()
  }
}
