/** Lets Kysely speak to node:sqlite, and makes every transaction that may write take the write lock at its start. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { errorCode } from '@countersign/protocol'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
  type TransactionSettings,
} from 'kysely'
import { asStoreError } from './store-error.ts'

export class NodeSqliteDialect extends SqliteDialect {
  readonly #database: DatabaseSync
  readonly #onDamage: () => void

  /** @param onDamage called when a page turns out to be damaged */
  constructor(database: DatabaseSync, onDamage: () => void) {
    super({ database: adapt(database, onDamage) })
    this.#database = database
    this.#onDamage = onDamage
  }

  override createDriver(): Driver {
    return new ImmediateDriver(this.#database, this.#onDamage)
  }
}

/**
 * A deferred transaction that reads before it writes can find its snapshot outdated at the first write. Taking the
 * lock first makes commit order equal revision order.
 */
class ImmediateDriver extends SqliteDriver {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync, onDamage: () => void) {
    super({ database: adapt(database, onDamage) })
    this.#database = database
  }

  override async beginTransaction(connection: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    const begin = settings?.accessMode === 'read only' ? 'begin' : 'begin immediate'
    await connection.executeQuery(CompiledQuery.raw(begin))
  }

  /** SQLite itself rolls back on some errors (disk full, I/O); a second rollback would hide the first error. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.isTransaction) await super.rollbackTransaction(connection)
  }
}

/** All that this program asks has fewer texts, but for lists of differing length. */
const MAX_STATEMENTS = 256

/** Preparing a statement takes longer than most of them take to run. */
function adapt(database: DatabaseSync, onDamage: () => void) {
  const statements = new Map<string, SqliteStatement>()
  return {
    close: () => {
      statements.clear()
      database.close()
    },
    prepare: (sql: string): SqliteStatement => {
      const known = statements.get(sql)
      if (known !== undefined) return known
      const statement = prepare(database, sql, onDamage)
      if (statements.size >= MAX_STATEMENTS) statements.clear()
      statements.set(sql, statement)
      return statement
    },
  }
}

function prepare(database: DatabaseSync, sql: string, onDamage: () => void): SqliteStatement {
  const translating = <T>(work: () => T): T => {
    try {
      return work()
    } catch (cause) {
      const error = asStoreError(cause)
      if (errorCode(error) === 'ERR_STORE_CORRUPT') onDamage()
      throw error
    }
  }
  const statement = translating(() => database.prepare(sql))
  const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => translating(() => statement.all(...values(parameters))),
    run: (parameters) => translating(() => statement.run(...values(parameters))),
    iterate: (parameters) => translating(() => statement.iterate(...values(parameters))),
  }
}
