import type { Entry, EntryBatchResult, NewEntry } from '@countersign/api'
import type { EntryGuard } from '../authorization/entry-guard.ts'
import { atStep, EntryError } from '../registration/entry-error.ts'
import { type EntryFilter, isAnyNewer, selectEntries, selectEntry, selectExpired } from './entry-queries.ts'
import { fromRow, toColumns } from './entry-rows.ts'
import { requireParent } from './require-parent.ts'
import { type ChangeTransaction, currentRevision, type Store } from './store.ts'

/** What to do to entries, each with its id. */
export interface EntrySteps {
  readonly create: readonly { readonly id: string; readonly entry: NewEntry }[]
  readonly replace: readonly { readonly id: string; readonly entry: NewEntry }[]
  readonly delete: readonly string[]
}

/**
 * Registration entries. What they mean is checked before, in `registration/`; who may write them is asked of the guard, in
 * the transaction that does it. Without a guard it is the server itself that writes.
 */
export class EntryStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Oldest first, so that of two entries with one hint the older is met first; with the revision the list is of. */
  list(filter: EntryFilter = {}): Promise<{ readonly entries: Entry[]; readonly revision: number }> {
    return this.#store.read(async (snapshot) => ({
      entries: await selectEntries(snapshot, filter),
      revision: await currentRevision(snapshot),
    }))
  }

  get(id: string): Promise<Entry | undefined> {
    return this.#store.read((snapshot) => selectEntry(snapshot, id))
  }

  /** @throws EntryError `ERR_ENTRY_EXISTS` for the same identifier, parent and set of selectors */
  create(id: string, entry: NewEntry, guard?: EntryGuard): Promise<Entry> {
    return this.#store.change((change) => insertEntry(change, id, entry, guard))
  }

  /**
   * Replaces an entry by what `derive` makes of the present one, in one transaction.
   *
   * @throws EntryError `ERR_ENTRY_NOT_FOUND`, `ERR_ENTRY_EXISTS`, or what `derive` throws
   */
  update(id: string, derive: (present: Entry) => NewEntry, guard?: EntryGuard): Promise<Entry> {
    return this.#store.change((change) => replaceEntry(change, id, derive, guard))
  }

  /** @throws EntryError `ERR_ENTRY_NOT_FOUND` */
  delete(id: string, guard?: EntryGuard): Promise<Entry> {
    return this.#store.change((change) => deleteEntry(change, id, guard))
  }

  /**
   * Deletes, replaces and creates, in this order and in one transaction.
   *
   * @param basis revision of the list that the steps were planned on
   * @throws EntryError `ERR_ENTRY_CHANGED` when an entry that the caller may know of is newer than that
   * @throws EntryError `ERR_ENTRY_NOT_FOUND`, `ERR_ENTRY_EXISTS`; the message names the step
   */
  batch(basis: number, steps: EntrySteps, guard?: EntryGuard): Promise<EntryBatchResult> {
    return this.#store.change(async (change) => {
      if (await isAnyNewer(change.db, basis, guard)) {
        throw new EntryError('ERR_ENTRY_CHANGED', 'entries have changed since the batch was planned; plan it again')
      }
      const deleted = await inTurn('delete', steps.delete, (id) => deleteEntry(change, id, guard))
      const replaced = await inTurn('replace', steps.replace, ({ id, entry }) =>
        replaceEntry(change, id, () => entry, guard),
      )
      const created = await inTurn('create', steps.create, ({ id, entry }) => insertEntry(change, id, entry, guard))
      return { created, replaced, deleted, revision: await currentRevision(change.db) }
    })
  }

  /** When the next entry is over, if any is to be. Seconds since the epoch. */
  nextExpiry(): Promise<number | undefined> {
    return this.#store.read(async (snapshot) => {
      const row = await snapshot
        .selectFrom('entries')
        .select('expires_at')
        .where('expires_at', 'is not', null)
        .orderBy('expires_at')
        .limit(1)
        .executeTakeFirst()
      return row?.expires_at ?? undefined
    })
  }

  /** Removes entries whose time has passed. Returns them. */
  async removeExpired(now: number): Promise<Entry[]> {
    const expired = (await this.#store.read((snapshot) => selectExpired(snapshot, now))).length > 0
    if (!expired) return []
    return this.#store.change(async (change) => {
      const entries = await selectExpired(change.db, now)
      for (const entry of entries) await removeEntry(change, entry, 'entry.expired')
      return entries
    })
  }
}

async function insertEntry(
  change: ChangeTransaction,
  id: string,
  entry: NewEntry,
  guard: EntryGuard | undefined,
): Promise<Entry> {
  await guard?.requireWritable(change.db, entry)
  await requireParent(change, entry.parentId)
  const columns = { id, created_at: change.now, ...toColumns(entry) }
  const revision = await change.record('entry.created', id, [], (revision) => ({
    entry: { after: fromRow({ ...columns, revision }) },
  }))
  const row = { ...columns, revision }
  const { numInsertedOrUpdatedRows: inserted } = await change.db
    .insertInto('entries')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow()
  if (inserted !== 1n) throw exists()
  return fromRow(row)
}

async function replaceEntry(
  change: ChangeTransaction,
  id: string,
  derive: (present: Entry) => NewEntry,
  guard: EntryGuard | undefined,
): Promise<Entry> {
  const present = await requireEntry(change, id, guard)
  const entry = derive(present)
  await guard?.requireWritable(change.db, entry)
  if (entry.parentId !== present.parentId) await requireParent(change, entry.parentId)
  const next = toColumns(entry)
  const twin = await change.db
    .selectFrom('entries')
    .select('id')
    .where('spiffe_id', '=', next.spiffe_id)
    .where('parent_id', '=', next.parent_id)
    .where('selector_key', '=', next.selector_key)
    .where('id', '!=', id)
    .executeTakeFirst()
  if (twin !== undefined) throw exists()
  const after = (revision: number) => fromRow({ id, revision, created_at: present.createdAt, ...next })
  const revision = await change.record('entry.updated', id, [], (revision) => ({
    entry: { before: present, after: after(revision) },
  }))
  await change.db
    .updateTable('entries')
    .set({ ...next, revision })
    .where('id', '=', id)
    .execute()
  return after(revision)
}

async function deleteEntry(change: ChangeTransaction, id: string, guard: EntryGuard | undefined): Promise<Entry> {
  const entry = await requireEntry(change, id, guard)
  await removeEntry(change, entry, 'entry.deleted')
  return entry
}

/** One that is to be changed. The guard comes first: what else is wrong tells that there is one. */
async function requireEntry(change: ChangeTransaction, id: string, guard: EntryGuard | undefined): Promise<Entry> {
  const entry = await selectEntry(change.db, id)
  if (entry === undefined || guard?.sees(entry) === false) throw notFound()
  await guard?.requireWritable(change.db, entry)
  return entry
}

/** One after the other. A refusal names its step, as in "create[3]". */
async function inTurn<T>(name: string, items: readonly T[], run: (item: T) => Promise<Entry>): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const [index, item] of items.entries()) {
    entries.push(await run(item).catch((error: unknown) => Promise.reject(atStep(error, `${name}[${index}]`))))
  }
  return entries
}

async function removeEntry(change: ChangeTransaction, entry: Entry, kind: 'entry.deleted' | 'entry.expired') {
  await change.record(kind, entry.id, [], () => ({ entry: { before: entry } }))
  await change.db.deleteFrom('entries').where('id', '=', entry.id).execute()
}

function exists() {
  return new EntryError('ERR_ENTRY_EXISTS', 'an entry with this identifier, parent and selectors exists')
}

function notFound() {
  return new EntryError('ERR_ENTRY_NOT_FOUND', 'no such entry')
}
