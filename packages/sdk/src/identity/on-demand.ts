import { SdkError } from '../sdk-error.ts'
import { type FollowOptions, followStream } from './follow-stream.ts'
import { noIdentityError } from './readiness.ts'

/** How long the first message may take, in milliseconds, and the stream it comes by. */
export interface OnDemandOptions<Message> extends FollowOptions<Message> {
  readonly timeoutMs: number
}

/**
 * A stream of the Workload API that is opened when somebody first needs what it tells, and stays open from then on.
 *
 * @returns a function that settles when the first message was accepted
 * @throws SdkError `ERR_SDK_NO_IDENTITY` from that function when none was in time, or none can ever be. The stream is
 *   still tried where that may help, and the next call waits again. `ERR_SDK_CLOSED` once the signal has aborted
 */
export function onDemand<Message>(options: OnDemandOptions<Message>): () => Promise<void> {
  let isOpen = false
  let isLoaded = false
  let failure: unknown
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const each of [...waiting]) each()
  }
  const open = () => {
    isOpen = true
    void followStream({
      ...options,
      accept: (message) => {
        options.accept(message)
        isLoaded = true
        wake()
      },
      onFailure: (reason, retryMs) => {
        failure = reason
        options.onFailure(reason, retryMs)
      },
    }).finally(() => {
      isOpen = false
      wake()
    })
  }
  return async () => {
    if (options.signal.aborted) throw new SdkError('ERR_SDK_CLOSED', 'the workload is closed')
    if (!isOpen) open()
    if (isLoaded) return
    await new Promise<void>((resolve) => {
      const cancel = options.schedule(options.timeoutMs, settle)
      function settle(): void {
        cancel()
        waiting.delete(settle)
        resolve()
      }
      waiting.add(settle)
    })
    if (!isLoaded) throw noIdentityError(failure)
  }
}
