/** The server's one database: transactions, the revision counter and its log. */
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '@countersign/plugin-kit'
import { Kysely, type Transaction } from 'kysely'
import { type StoreObserver, UNOBSERVED } from '../telemetry/observed-store.ts'
import { type ChangeDetails, ChangeFeed, type ChangeKind, type StoreChange } from './change-feed.ts'
import { copyDatabase } from './copy-database.ts'
import type { Schema } from './schema.ts'
import { openDatabase } from './sqlite-database.ts'
import { NodeSqliteDialect } from './sqlite-dialect.ts'
import { damageOf } from './store-damage.ts'
import { asStoreError } from './store-error.ts'

/** Older lines are dropped as new ones come: nobody follows from that far back. */
const CHANGE_LOG_LENGTH = 100_000

/** A consistent view: everything read through one of these belongs to one revision. */
export type Snapshot = Transaction<Schema>

/** What a writer gets. `record` must be called once for each thing that was changed. */
export interface ChangeTransaction {
  readonly db: Transaction<Schema>
  readonly now: number
  /**
   * Bumps the revision and appends to the change log. Returns the new revision.
   *
   * @param describe makes the details, in which the revision may be part
   */
  record(
    kind: ChangeKind,
    subject: string,
    agents?: readonly string[] | 'all',
    describe?: (revision: number) => ChangeDetails,
  ): Promise<number>
}

/** Told of each revision before and after it is used. */
export interface RevisionMark {
  /** @throws StoreError `ERR_STORE_UNWRITABLE`, and the revision is not used */
  reserve(revision: number): void
  note(revision: number): void
}

export class Store {
  readonly feed = new ChangeFeed()
  readonly #database: DatabaseSync
  readonly #db: Kysely<Schema>
  readonly #clock: Clock
  readonly #observe: StoreObserver
  readonly #mark: RevisionMark | undefined
  #isDamaged = false

  private constructor(database: DatabaseSync, clock: Clock, observe: StoreObserver, mark?: RevisionMark) {
    this.#database = database
    this.#mark = mark
    this.#db = new Kysely<Schema>({ dialect: new NodeSqliteDialect(database, () => this.#noteDamage()) })
    this.#clock = clock
    this.#observe = observe
  }

  /** @throws StoreError as `openDatabase` does */
  static open(path: string, clock: Clock, observe: StoreObserver = UNOBSERVED, mark?: RevisionMark): Store {
    return new Store(openDatabase(path), clock, observe, mark)
  }

  /**
   * Runs `work` in a transaction of its own; one writer at a time. On success its changes are announced, in revision
   * order, before the next writer starts. Inside `work` use the given transaction only: anything else would wait for
   * this one to end.
   *
   * @throws StoreError `ERR_STORE_UNWRITABLE` when the disk is full or read-only; nothing is changed then
   */
  change<T>(work: (change: ChangeTransaction) => Promise<T>): Promise<T> {
    return this.#observe('change', (begun) => this.#change(work, begun))
  }

  #change<T>(work: (change: ChangeTransaction) => Promise<T>, begun: () => void): Promise<T> {
    return this.#db.connection().execute(async (connection) => {
      begun()
      const changes: StoreChange[] = []
      const result = await connection.transaction().execute(async (db) => {
        const now = this.#clock.now()
        const record: ChangeTransaction['record'] = async (kind, subject, agents = [], describe = () => ({})) => {
          const revision = await bumpRevision(db)
          this.#mark?.reserve(revision)
          const change = { revision, at: now, kind, subject, agents, ...describe(revision) }
          await appendToLog(db, change)
          changes.push(change)
          return revision
        }
        const result = await work({ db, now, record })
        const newest = changes.at(-1)
        if (newest !== undefined) await shortenLog(db, newest.revision)
        return result
      })
      for (const change of changes) {
        this.#mark?.note(change.revision)
        this.feed.publish(change)
      }
      return result
    })
  }

  /** Writes what is no change of state (when something was last tried): no revision, no announcement. */
  note<T>(work: (db: Transaction<Schema>) => Promise<T>): Promise<T> {
    return this.#observe('note', (begun) => this.#db.transaction().execute((db) => begin(begun, work, db)))
  }

  /** Runs `work` on one consistent view of the store. */
  read<T>(work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    const transaction = this.#db.transaction().setAccessMode('read only')
    return this.#observe('read', (begun) => transaction.execute((db) => begin(begun, work, db)))
  }

  revision(): Promise<number> {
    return this.read(currentRevision)
  }

  /**
   * Writes what is there already, to find out whether it could be written.
   *
   * @throws StoreError `ERR_STORE_UNWRITABLE`
   */
  async writeNothing(): Promise<void> {
    await this.note((db) =>
      db
        .updateTable('revision')
        .set((row) => ({ value: row('value', '+', 0) }))
        .where('id', '=', 1)
        .execute(),
    )
  }

  /**
   * Writes a consistent copy of the whole store to a file that does not exist yet. Writers and readers wait meanwhile; a copy
   * made between their steps could hold half of a change.
   *
   * @throws StoreError `ERR_STORE_UNWRITABLE`, `ERR_STORE_CORRUPT`
   */
  copyTo(path: string): Promise<void> {
    return this.#db.connection().execute(() => copyDatabase(this.#database, path))
  }

  /** Whether a damaged page was met since it was opened. */
  get isDamaged(): boolean {
    return this.#isDamaged
  }

  #noteDamage(): void {
    this.#isDamaged = true
  }

  /** Runs SQLite's whole check. @returns what is wrong, `undefined` when nothing is */
  damage(): Promise<string | undefined> {
    return this.#db.connection().execute(async () => {
      try {
        const damage = damageOf(this.#database)
        if (damage !== undefined) this.#noteDamage()
        return damage
      } catch (error) {
        throw asStoreError(error)
      }
    })
  }

  /** Waits for the transaction that is running, if any, then closes the file. Later calls fail. */
  async close(): Promise<void> {
    if (!this.#database.isOpen) return
    await this.#db.connection().execute(async () => {})
    await this.#db.destroy()
    if (this.#database.isOpen) this.#database.close()
  }
}

function begin<Access, T>(begun: () => void, work: (access: Access) => Promise<T>, access: Access): Promise<T> {
  begun()
  return work(access)
}

export async function currentRevision(db: Snapshot): Promise<number> {
  const row = await db.selectFrom('revision').select('value').where('id', '=', 1).executeTakeFirstOrThrow()
  return row.value
}

async function bumpRevision(db: Transaction<Schema>): Promise<number> {
  const { value } = await db
    .updateTable('revision')
    .set((row) => ({ value: row('value', '+', 1) }))
    .where('id', '=', 1)
    .returning('value')
    .executeTakeFirstOrThrow()
  return value
}

async function appendToLog(db: Transaction<Schema>, change: StoreChange): Promise<void> {
  const { revision, at, kind, subject, entry } = change
  const before = entry?.before?.spiffeId
  const spiffeId = entry?.after?.spiffeId ?? before
  const line = {
    ...{ revision, at, kind, subject, spiffe_id: spiffeId ?? null },
    previous_spiffe_id: before === undefined || before === spiffeId ? null : before,
  }
  await db.insertInto('change_log').values(line).execute()
}

async function shortenLog(db: Transaction<Schema>, revision: number): Promise<void> {
  await db
    .deleteFrom('change_log')
    .where('revision', '<=', revision - CHANGE_LOG_LENGTH)
    .execute()
}
