import { WorkloadIdentityError } from '@countersign/protocol'

export type StoreErrorCode =
  | 'ERR_STORE_LOCKED'
  | 'ERR_STORE_CORRUPT'
  | 'ERR_STORE_SCHEMA_NEWER'
  | 'ERR_STORE_UNWRITABLE'
  | 'ERR_STORE_MARK'

/** The store cannot be opened or written. Nothing was changed. */
export class StoreError extends WorkloadIdentityError<StoreErrorCode> {}

/** Primary result codes of SQLite that mean something to an operator. https://www.sqlite.org/rescode.html */
const BY_RESULT_CODE: ReadonlyMap<number, readonly [StoreErrorCode, string]> = new Map([
  [5, ['ERR_STORE_LOCKED', 'store is in use by another process']],
  [6, ['ERR_STORE_LOCKED', 'store is in use by another process']],
  [8, ['ERR_STORE_UNWRITABLE', 'store is read-only']],
  [10, ['ERR_STORE_UNWRITABLE', 'store cannot be read or written']],
  [11, ['ERR_STORE_CORRUPT', 'store is damaged']],
  [13, ['ERR_STORE_UNWRITABLE', 'no space left for the store']],
  [14, ['ERR_STORE_UNWRITABLE', 'store cannot be opened']],
  [26, ['ERR_STORE_CORRUPT', 'store is not a database file']],
])

/** Turns an error of SQLite into a `StoreError` where it is about the file; every other error is returned unchanged. */
export function asStoreError(error: unknown): unknown {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return error
  const known = BY_RESULT_CODE.get(error.errcode & 0xff)
  if (known === undefined) return error
  return new StoreError(known[0], known[1], { detail: `sqlite result code ${error.errcode}`, cause: error })
}
