/** Opens the store's file, or refuses to, without harming what it finds. */
import { closeSync, constants, fchmodSync, fstatSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { MIGRATIONS } from './migrations.ts'
import { asStoreError, StoreError } from './store-error.ts'

/** "CNSG": tells this file from any other SQLite database. https://www.sqlite.org/fileformat.html#application_id */
export const APPLICATION_ID = 0x434e5347

/** Long enough for a server that is just stopping, short enough for "at once". */
const BUSY_TIMEOUT_MS = 200

/**
 * Opens or creates the file (mode 0600), takes it for this process alone and brings its schema up to date.
 *
 * @throws StoreError `ERR_STORE_LOCKED` when another process has it open
 * @throws StoreError `ERR_STORE_CORRUPT` when it is not this program's database or fails SQLite's quick check
 * @throws StoreError `ERR_STORE_SCHEMA_NEWER` when a later version of this program wrote it
 * @throws StoreError `ERR_STORE_UNWRITABLE` when it cannot be created, opened or written
 */
export function openDatabase(path: string): DatabaseSync {
  createPrivateFile(path)
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, {
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
      timeout: BUSY_TIMEOUT_MS,
    })
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
    const version = requireOwnFile(database)
    // Only after the checks: this writes to the file's header.
    const { journal_mode } = database.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string }
    if (journal_mode !== 'wal') {
      throw new StoreError('ERR_STORE_UNWRITABLE', 'store does not support a write-ahead log')
    }
    database.exec('PRAGMA synchronous = FULL')
    migrate(database, version)
    return database
  } catch (error) {
    if (database?.isOpen) database.close()
    throw asStoreError(error)
  }
}

function createPrivateFile(path: string): void {
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const file = openSync(path, flags, 0o600)
    try {
      const stat = fstatSync(file)
      if (!stat.isFile()) throw new StoreError('ERR_STORE_CORRUPT', 'store is not a regular file')
      if ((stat.mode & 0o077) !== 0) fchmodSync(file, 0o600)
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    if (cause instanceof StoreError) throw cause
    const detail = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    throw new StoreError('ERR_STORE_UNWRITABLE', 'store cannot be created or opened', { detail, cause })
  }
}

/** Reads only. Returns the schema's version, 0 for a file that is still empty. */
function requireOwnFile(database: DatabaseSync): number {
  const applicationId = readPragma(database, 'application_id')
  const version = Number(readPragma(database, 'user_version'))
  const { count } = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number }
  const isEmpty = applicationId === 0 && version === 0 && count === 0
  if (!isEmpty && applicationId !== APPLICATION_ID) {
    throw new StoreError('ERR_STORE_CORRUPT', 'store is a database of another program')
  }
  if (version > MIGRATIONS.length) {
    throw new StoreError('ERR_STORE_SCHEMA_NEWER', 'store was written by a newer version of this program', {
      detail: `schema ${version}, this version knows ${MIGRATIONS.length}`,
    })
  }
  const verdict = readPragma(database, 'quick_check(1)')
  if (verdict !== 'ok') throw new StoreError('ERR_STORE_CORRUPT', 'store is damaged', { detail: String(verdict) })
  return version
}

function readPragma(database: DatabaseSync, name: string): unknown {
  const row = database.prepare(`PRAGMA ${name}`).get()
  return row === undefined ? undefined : Object.values(row)[0]
}

/** One transaction: a crash leaves the old schema or the new one. Taken even if nothing is to do, for the lock. */
function migrate(database: DatabaseSync, version: number): void {
  database.exec('BEGIN EXCLUSIVE')
  try {
    for (const step of MIGRATIONS.slice(version)) database.exec(step)
    if (version < MIGRATIONS.length) {
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}`)
    }
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
