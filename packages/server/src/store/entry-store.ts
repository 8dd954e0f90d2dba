import type { Entry, EntryBatchResult, NewEntry, Selector } from '@countersign/api'
import type { ExpressionBuilder } from 'kysely'
import type { EntryGuard } from '../authorization/entry-guard.ts'
import { atStep, EntryError } from '../registration/entry-error.ts'
import { requireParent } from './require-parent.ts'
import type { EntryRow, Schema } from './schema.ts'
import { type ChangeTransaction, currentRevision, type Snapshot, type Store } from './store.ts'

/** Which entries to list; an absent member matches all. */
export interface EntryFilter {
  readonly spiffeId?: string | undefined
  readonly parentId?: string | undefined
  /** Those whose identifier is one of these or below it. `spiffe://example.org/` stands for all of that trust domain. */
  readonly below?: readonly string[] | undefined
}

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

/** What a team does not see must not keep its batches from being taken. */
async function isAnyNewer(snapshot: Snapshot, basis: number, guard: EntryGuard | undefined): Promise<boolean> {
  let query = snapshot.selectFrom('entries').select('id').where('revision', '>', basis)
  const below = guard?.visible
  if (below !== undefined) query = query.where((where) => where.or(below.map((root) => isBelow(where, root))))
  return (await query.executeTakeFirst()) !== undefined
}

/** A range of the index: "0" is the character after "/". */
function isBelow(where: ExpressionBuilder<Schema, 'entries'>, root: string) {
  const base = root.endsWith('/') ? root.slice(0, -1) : root
  return where.or([
    where('spiffe_id', '=', root),
    where.and([where('spiffe_id', '>=', `${base}/`), where('spiffe_id', '<', `${base}0`)]),
  ])
}

/** One after the other. A refusal names its step, as in "create[3]". */
async function inTurn<T>(name: string, items: readonly T[], run: (item: T) => Promise<Entry>): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const [index, item] of items.entries()) {
    entries.push(await run(item).catch((error: unknown) => Promise.reject(atStep(error, `${name}[${index}]`))))
  }
  return entries
}

export async function selectEntries(snapshot: Snapshot, filter: EntryFilter): Promise<Entry[]> {
  let query = snapshot.selectFrom('entries').selectAll()
  if (filter.spiffeId !== undefined) query = query.where('spiffe_id', '=', filter.spiffeId)
  if (filter.parentId !== undefined) query = query.where('parent_id', '=', filter.parentId)
  const { below } = filter
  if (below !== undefined) query = query.where((where) => where.or(below.map((root) => isBelow(where, root))))
  const rows = await query.orderBy('created_at').orderBy('id').execute()
  return rows.map(fromRow)
}

/** Rows that are in memory at a time while all are gone through. */
const PAGE = 2_000

/** All entries in order of their ids, a few at a time. */
export async function* eachPageOfEntries(snapshot: Snapshot): AsyncGenerator<Entry[]> {
  for (let after = ''; ; ) {
    const rows = await snapshot
      .selectFrom('entries')
      .selectAll()
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE)
      .execute()
    yield rows.map(fromRow)
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    after = last.id
  }
}

export async function selectEntry(snapshot: Snapshot, id: string): Promise<Entry | undefined> {
  const row = await snapshot.selectFrom('entries').selectAll().where('id', '=', id).executeTakeFirst()
  return row && fromRow(row)
}

async function selectExpired(snapshot: Snapshot, now: number): Promise<Entry[]> {
  const rows = await snapshot.selectFrom('entries').selectAll().where('expires_at', '<=', now).execute()
  return rows.map(fromRow)
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

function toColumns(entry: NewEntry) {
  return {
    spiffe_id: entry.spiffeId,
    parent_id: entry.parentId,
    selectors: JSON.stringify(entry.selectors),
    selector_key: selectorKey(entry.selectors),
    x509_svid_ttl: entry.x509SvidTtl ?? null,
    jwt_svid_ttl: entry.jwtSvidTtl ?? null,
    wit_ttl: entry.witTtl ?? null,
    dns_names: toJson(entry.dnsNames),
    hint: entry.hint ?? null,
    admin: toFlag(entry.admin),
    downstream: toFlag(entry.downstream),
    federates_with: toJson(entry.federatesWith),
    expires_at: entry.expiresAt ?? null,
  }
}

/** JSON of sorted pairs: no separator a value could contain. */
function selectorKey(selectors: readonly Selector[]): string {
  return JSON.stringify(selectors.map(({ type, value }) => JSON.stringify([type, value])).sort())
}

function fromRow(row: EntryRow): Entry {
  return {
    id: row.id,
    revision: row.revision,
    createdAt: row.created_at,
    spiffeId: row.spiffe_id,
    parentId: row.parent_id,
    selectors: JSON.parse(row.selectors) as Selector[],
    ...(row.x509_svid_ttl !== null && { x509SvidTtl: row.x509_svid_ttl }),
    ...(row.jwt_svid_ttl !== null && { jwtSvidTtl: row.jwt_svid_ttl }),
    ...(row.wit_ttl !== null && { witTtl: row.wit_ttl }),
    ...(row.dns_names !== null && { dnsNames: JSON.parse(row.dns_names) as string[] }),
    ...(row.hint !== null && { hint: row.hint }),
    ...(row.admin !== null && { admin: row.admin === 1 }),
    ...(row.downstream !== null && { downstream: row.downstream === 1 }),
    ...(row.federates_with !== null && { federatesWith: JSON.parse(row.federates_with) as string[] }),
    ...(row.expires_at !== null && { expiresAt: row.expires_at }),
  }
}

function toJson(list: readonly string[] | undefined): string | null {
  return list === undefined ? null : JSON.stringify(list)
}

function toFlag(value: boolean | undefined): number | null {
  return value === undefined ? null : Number(value)
}
