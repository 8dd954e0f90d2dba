/** Looks at a store's file that no server uses, without changing it. */
import { DatabaseSync } from 'node:sqlite'
import { APPLICATION_ID } from '../store/sqlite-database.ts'
import { damageOf, pragma } from '../store/store-damage.ts'
import { asStoreError } from '../store/store-error.ts'

export interface StoreFile {
  readonly schemaVersion: number
  readonly revision: number
  readonly authorities: StoredAuthority[]
  /** What SQLite's checks found. */
  readonly damage?: string
}

export interface StoredAuthority {
  readonly id: string
  readonly kind: string
  readonly state: string
}

/** @throws StoreError `ERR_STORE_LOCKED`, `ERR_STORE_CORRUPT`, `ERR_STORE_UNWRITABLE` */
export function readStoreFile(path: string): StoreFile {
  return withStoreFile(path, (database) => {
    const schemaVersion = Number(pragma(database, 'user_version'))
    if (pragma(database, 'application_id') !== APPLICATION_ID) {
      return { schemaVersion, revision: 0, authorities: [], damage: 'database of another program' }
    }
    const damage = damageOf(database)
    if (damage !== undefined) return { schemaVersion, revision: 0, authorities: [], damage }
    const { value } = database.prepare('SELECT value FROM revision').get() as { value: number }
    const rows = database.prepare('SELECT id, kind, state FROM authorities ORDER BY not_before, id').all()
    const authorities = rows.map((row) => ({
      id: String(row['id']),
      kind: String(row['kind']),
      state: String(row['state']),
    }))
    return { schemaVersion, revision: value, authorities }
  })
}

/** @throws StoreError as `readStoreFile` */
export function withStoreFile<T>(path: string, work: (database: DatabaseSync) => T): T {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 200 })
    return work(database)
  } catch (error) {
    throw asStoreError(error)
  } finally {
    database?.close()
  }
}

/** @throws StoreError as `readStoreFile` */
export async function withStoreFileAsync<T>(path: string, work: (database: DatabaseSync) => Promise<T>): Promise<T> {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 200 })
    return await work(database)
  } catch (error) {
    throw asStoreError(error)
  } finally {
    database?.close()
  }
}
