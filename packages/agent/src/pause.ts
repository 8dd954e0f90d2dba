import type { Clock } from '@countersign/plugin-kit'

/** Waits, or until the signal aborts. */
export function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const finish = () => {
      signal.removeEventListener('abort', finish)
      cancel()
      resolve()
    }
    const cancel = clock.schedule(milliseconds, finish)
    signal.addEventListener('abort', finish, { once: true })
  })
}
