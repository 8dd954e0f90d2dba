import type { Entry } from '@countersign/api'
import type { ExpressionBuilder } from 'kysely'
import type { EntryGuard } from '../authorization/entry-guard.ts'
import { fromRow } from './entry-rows.ts'
import type { Schema } from './schema.ts'
import type { Snapshot } from './store.ts'

/** Which entries to list; an absent member matches all. */
export interface EntryFilter {
  readonly spiffeId?: string | undefined
  readonly parentId?: string | undefined
  /** Those whose identifier is one of these or below it. `spiffe://example.org/` stands for all of that trust domain. */
  readonly below?: readonly string[] | undefined
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

export async function selectExpired(snapshot: Snapshot, now: number): Promise<Entry[]> {
  const rows = await snapshot.selectFrom('entries').selectAll().where('expires_at', '<=', now).execute()
  return rows.map(fromRow)
}

/** What a team does not see must not keep its batches from being taken. */
export async function isAnyNewer(snapshot: Snapshot, basis: number, guard: EntryGuard | undefined): Promise<boolean> {
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
