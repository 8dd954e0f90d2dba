import { AsyncLocalStorage } from 'node:async_hooks'
import type { OngoingTransaction } from '../exchange/ongoing-transaction.ts'
import type { CallAuthorization } from '../verification/call-authorization.ts'
import type { Caller } from '../verification/caller.ts'

interface CallContext {
  readonly caller: Caller | undefined
  readonly transaction: OngoingTransaction | undefined
  readonly authorization: CallAuthorization | undefined
}

const storage = new AsyncLocalStorage<CallContext>()

/** The caller of the request being handled, in any code its handler calls; undefined outside of one. */
export function currentCaller(): Caller | undefined {
  return storage.getStore()?.caller
}

/** The transaction that whatever runs here belongs to: the one the request came with, or one that was begun for it. */
export function currentTransaction(): OngoingTransaction | undefined {
  return storage.getStore()?.transaction
}

/** What the access token of the request being handled says, where that was verified. */
export function currentAuthorization(): CallAuthorization | undefined {
  return storage.getStore()?.authorization
}

/** Runs a handler so that {@link currentAuthorization} answers in it: a request whose sender is not asked for. */
export function runWithAuthorization<T>(authorization: CallAuthorization, run: () => T): T {
  return storage.run({ caller: undefined, transaction: undefined, authorization }, run)
}

/** Runs a handler so that {@link currentCaller} and {@link currentTransaction} answer in it. */
export function runWithCaller<T>(caller: Caller, run: () => T): T {
  // Also without a transaction: that of whoever started this server is not the request's.
  return storage.run({ caller, transaction: caller.transaction, authorization: caller.authorization }, run)
}

/** Runs code in a transaction, for the caller it runs for anyway. */
export function runWithTransaction<T>(transaction: OngoingTransaction, run: () => T): T {
  return storage.run({ caller: currentCaller(), transaction, authorization: currentAuthorization() }, run)
}
