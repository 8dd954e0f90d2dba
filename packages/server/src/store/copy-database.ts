import { backup, type DatabaseSync } from 'node:sqlite'
import { asStoreError, StoreError } from './store-error.ts'

/** Copied in one step; in between the event loop goes on. */
const PAGES = 2048

/**
 * Copies a whole database to a file that does not exist yet. Nobody may change it meanwhile by the same connection.
 *
 * @throws StoreError `ERR_STORE_LOCKED`, `ERR_STORE_CORRUPT`, `ERR_STORE_UNWRITABLE` also where SQLite gives no reason
 */
export async function copyDatabase(database: DatabaseSync, path: string): Promise<void> {
  try {
    // SQLite's backup does not say that a database is locked.
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
    await backup(database, path, { rate: PAGES })
  } catch (cause) {
    const known = asStoreError(cause)
    if (known !== cause) throw known
    const detail = cause instanceof Error ? cause.message : ''
    throw new StoreError('ERR_STORE_UNWRITABLE', 'store cannot be copied', { detail, cause })
  }
}
