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

/** Waits until the work is done or has failed, and no longer than that. Never rejects. */
export function settledWithin(clock: Clock, milliseconds: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(milliseconds, resolve)
    const finish = () => {
      cancel()
      resolve()
    }
    work.then(finish, finish)
  })
}
