import { errorCode } from '@countersign/protocol'
import { type Tracing, traced } from '@countersign/telemetry'
import type { ServerRecorder, StoreAccess } from './server-recorder.ts'

/** Sees every transaction. `begun` is called when it is its turn. */
export type StoreObserver = <T>(access: StoreAccess, run: (begun: () => void) => Promise<T>) => Promise<T>

export const UNOBSERVED: StoreObserver = (_access, run) => run(() => {})

/** Measures transactions, how long each waited for the others, and makes each a span. */
export function observeStore(recorder: ServerRecorder, tracing: Tracing): StoreObserver {
  return async (access, run) => {
    const sinceCall = recorder.stopwatch()
    let sinceBegin = sinceCall
    recorder.transactionsPending(1)
    try {
      const result = await traced(tracing, `store.${access}`, {}, (span) =>
        run(() => {
          sinceBegin = recorder.stopwatch()
          const waited = sinceCall()
          span.set('countersign.store.waited_seconds', waited)
          recorder.transactionBegun(access, waited)
        }),
      )
      recorder.transactionEnded(access, sinceBegin())
      return result
    } catch (error) {
      recorder.transactionEnded(access, sinceBegin(), storeCode(error))
      throw error
    } finally {
      recorder.transactionsPending(-1)
    }
  }
}

/** A refusal of what was asked is the caller's; only what the database itself could not do is a failure of the store. */
function storeCode(error: unknown): string | undefined {
  const code = errorCode(error)
  return code?.startsWith('ERR_STORE_') ? code : undefined
}
