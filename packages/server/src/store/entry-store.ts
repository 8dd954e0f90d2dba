import type { Entry, EntryBatchResult, NewEntry, Selector } from '@countersign/api'
import { WorkloadId } from '@countersign/protocol'
import { atStep, EntryError } from '../registration/entry-error.ts'
import { kindOfParent, SERVER_PATH } from '../registration/entry-parent.ts'
import type { EntryRow } from './schema.ts'
import { type ChangeTransaction, currentRevision, type Snapshot, type Store } from './store.ts'

/** Which entries to list; an absent member matches all. */
export interface EntryFilter {
  readonly spiffeId?: string | undefined
  readonly parentId?: string | undefined
}

/** What to do to entries, each with its id. */
export interface EntrySteps {
  readonly create: readonly { readonly id: string; readonly entry: NewEntry }[]
  readonly replace: readonly { readonly id: string; readonly entry: NewEntry }[]
  readonly delete: readonly string[]
}

/** Registration entries. What they mean is checked before, in `registration/`. */
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
  create(id: string, entry: NewEntry): Promise<Entry> {
    return this.#store.change((change) => insertEntry(change, id, entry))
  }

  /**
   * Replaces an entry by what `derive` makes of the present one, in one transaction.
   *
   * @throws EntryError `ERR_ENTRY_NOT_FOUND`, `ERR_ENTRY_EXISTS`, or what `derive` throws
   */
  update(id: string, derive: (present: Entry) => NewEntry): Promise<Entry> {
    return this.#store.change((change) => replaceEntry(change, id, derive))
  }

  /** @throws EntryError `ERR_ENTRY_NOT_FOUND` */
  delete(id: string): Promise<Entry> {
    return this.#store.change((change) => deleteEntry(change, id))
  }

  /**
   * Deletes, replaces and creates, in this order and in one transaction.
   *
   * @param basis revision of the list that the steps were planned on
   * @throws EntryError `ERR_ENTRY_CHANGED` when an entry is newer than that
   * @throws EntryError `ERR_ENTRY_NOT_FOUND`, `ERR_ENTRY_EXISTS`; the message names the step
   */
  batch(basis: number, steps: EntrySteps): Promise<EntryBatchResult> {
    return this.#store.change(async (change) => {
      const newer = await change.db.selectFrom('entries').select('id').where('revision', '>', basis).executeTakeFirst()
      if (newer !== undefined) {
        throw new EntryError('ERR_ENTRY_CHANGED', 'entries have changed since the batch was planned; plan it again')
      }
      const deleted = await inTurn('delete', steps.delete, (id) => deleteEntry(change, id))
      const replaced = await inTurn('replace', steps.replace, ({ id, entry }) => replaceEntry(change, id, () => entry))
      const created = await inTurn('create', steps.create, ({ id, entry }) => insertEntry(change, id, entry))
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

async function insertEntry(change: ChangeTransaction, id: string, entry: NewEntry): Promise<Entry> {
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
): Promise<Entry> {
  const present = await selectEntry(change.db, id)
  if (present === undefined) throw notFound()
  const entry = derive(present)
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

async function deleteEntry(change: ChangeTransaction, id: string): Promise<Entry> {
  const entry = await selectEntry(change.db, id)
  if (entry === undefined) throw notFound()
  await removeEntry(change, entry, 'entry.deleted')
  return entry
}

/**
 * An entry below an alias that is not there would be no agent's, and nobody would notice the misspelling.
 *
 * @throws EntryError `ERR_ENTRY_PARENT`
 */
async function requireParent(change: ChangeTransaction, parentId: string): Promise<void> {
  const { origin, path } = WorkloadId.parse(parentId)
  if (kindOfParent(path) !== 'alias') return
  const alias = await change.db
    .selectFrom('entries')
    .select('id')
    .where('spiffe_id', '=', parentId)
    .where('parent_id', '=', `${origin}${SERVER_PATH}`)
    .executeTakeFirst()
  if (alias !== undefined) return
  throw new EntryError(
    'ERR_ENTRY_PARENT',
    'parentId: neither an agent nor a node alias; create the alias first, with `entry create --node`',
  )
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
