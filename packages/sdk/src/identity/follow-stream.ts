import { WorkloadApiError, watch } from '@countersign/workload-api'
import type { WorkloadRuntime } from '../workload-runtime.ts'

/** Told of each failure, and after how many milliseconds the stream is opened again; undefined when it is not. */
export type OnFailure = (failure: unknown, retryMs: number | undefined) => void

export interface FollowOptions<Message> {
  readonly signal: AbortSignal
  readonly schedule: WorkloadRuntime['schedule']
  /** Opens the stream once. */
  readonly open: (signal: AbortSignal) => AsyncIterable<Message>
  /** Takes over the state that a message tells, as a whole. */
  readonly accept: (message: Message) => void
  /** The agent takes back what it gave. */
  readonly withdraw: () => void
  readonly onFailure: OnFailure
}

/**
 * Keeps a state as one stream of the Workload API tells it, until the signal aborts. A message that `accept` throws at
 * is reported and dropped; a lost agent takes nothing away; a refusal takes everything.
 *
 * @returns also when the agent says that asking again is of no use, after reporting that
 * @see SPIFFE Workload API sections 4.3 to 4.5, and 7.2 on "PermissionDenied"
 */
export async function followStream<Message>(options: FollowOptions<Message>): Promise<void> {
  const { signal, schedule, onFailure } = options
  const onRetry = (failure: unknown, delayMs: number) => {
    if (isRefusal(failure)) options.withdraw()
    onFailure(failure, delayMs)
  }
  try {
    for await (const message of watch(options.open, { signal, schedule, onRetry })) {
      // A message that was under way when the workload was closed must not bring back what was given up.
      if (signal.aborted) return
      try {
        options.accept(message)
      } catch (error) {
        onFailure(error, undefined)
      }
    }
  } catch (error) {
    onFailure(error, undefined)
  }
}

/** Whether the agent said that this program may not have what it asked for. */
export function isRefusal(error: unknown): boolean {
  return error instanceof WorkloadApiError && error.code === 'ERR_WORKLOAD_API_DENIED'
}
