import { WorkloadApiError } from './workload-api-error.ts'

/** Delays between attempts: doubling from `firstMs` to `maxMs`, each cut by up to half at random. */
export interface Backoff {
  readonly firstMs: number
  readonly maxMs: number
}

const DEFAULT_BACKOFF: Backoff = { firstMs: 500, maxMs: 30_000 }

export interface WatchOptions {
  readonly signal?: AbortSignal
  /**
   * Told of every failure that will be retried. After `ERR_WORKLOAD_API_DENIED` the identity is withdrawn: stop using
   * what came before.
   */
  readonly onRetry?: (error: unknown, delayMs: number) => void
  /** Calls `run` once after a delay; the returned function cancels. `setTimeout` unless given. */
  readonly schedule?: (delayMs: number, run: () => void) => () => void
  /** From 0 up to 1. */
  readonly random?: () => number
  readonly backoff?: Backoff
}

/**
 * Keeps a stream of the Workload API open: yields its messages, and opens it again after a loss.
 *
 * @param open opens the stream once, for example `(signal) => client.fetchX509Svid(signal)`
 * @returns messages until the signal aborts; the loop then ends without an error
 * @throws WorkloadApiError `ERR_WORKLOAD_API_INVALID_ARGUMENT`, `ERR_WORKLOAD_API_UNIMPLEMENTED`: never retried
 * @see SPIFFE Workload API section 4.4, SPIFFE Workload Endpoint section 6
 */
export async function* watch<Message>(
  open: (signal: AbortSignal) => AsyncIterable<Message>,
  options: WatchOptions = {},
): AsyncGenerator<Message, void, void> {
  const signal = options.signal ?? new AbortController().signal
  const backoff = options.backoff ?? DEFAULT_BACKOFF
  let failures = 0
  while (!signal.aborted) {
    let failure: unknown = new WorkloadApiError('ERR_WORKLOAD_API_DISCONNECTED', 'workload API ended the stream')
    try {
      for await (const message of open(signal)) {
        failures = 0
        yield message
      }
    } catch (error) {
      failure = error
    }
    if (signal.aborted) return
    if (!(failure instanceof WorkloadApiError) || !failure.isRetryable) throw failure
    const delayMs = retryDelayMs(failures, backoff, options.random ?? Math.random)
    failures += 1
    options.onRetry?.(failure, delayMs)
    await pause(delayMs, options.schedule ?? scheduleTimeout, signal)
  }
}

/** Delay before attempt `failures + 1`. Jitter, because all programs of a host lose their agent at the same instant. */
export function retryDelayMs(failures: number, backoff: Backoff, random: () => number): number {
  const full = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(failures, 30))
  return Math.round(full / 2 + (full / 2) * random())
}

function pause(delayMs: number, schedule: NonNullable<WatchOptions['schedule']>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      signal.removeEventListener('abort', finish)
      cancel()
      resolve()
    }
    const cancel = schedule(delayMs, finish)
    signal.addEventListener('abort', finish, { once: true })
  })
}

function scheduleTimeout(delayMs: number, run: () => void): () => void {
  const timer = setTimeout(run, delayMs)
  return () => clearTimeout(timer)
}
