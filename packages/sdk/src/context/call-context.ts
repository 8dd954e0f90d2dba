import { AsyncLocalStorage } from 'node:async_hooks'
import type { Caller } from '../verification/caller.ts'

const storage = new AsyncLocalStorage<Caller>()

/** The caller of the request being handled, in any code its handler calls; undefined outside of one. */
export function currentCaller(): Caller | undefined {
  return storage.getStore()
}

/** Runs a handler so that {@link currentCaller} answers in it. */
export function runWithCaller<T>(caller: Caller, run: () => T): T {
  return storage.run(caller, run)
}
