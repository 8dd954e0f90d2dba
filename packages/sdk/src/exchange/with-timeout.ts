import type { WorkloadRuntime } from '../workload-runtime.ts'

/**
 * Hands `run` a signal that fires when it has taken too long, or when `signal` does.
 *
 * @throws what `run` throws
 */
export async function withTimeout<T>(
  { schedule }: Pick<WorkloadRuntime, 'schedule'>,
  timeoutMs: number,
  run: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const controller = new AbortController()
  const cancel = schedule(timeoutMs, () => controller.abort())
  try {
    return await run(signal === undefined ? controller.signal : AbortSignal.any([controller.signal, signal]))
  } finally {
    cancel()
  }
}
