import { currentRevision, type Snapshot } from './store.ts'

/** What the log says of one change of an entry. */
export interface EntryLine {
  readonly revision: number
  readonly at: number
  readonly kind: string
  readonly entryId: string
  readonly spiffeId: string | null
  readonly previousSpiffeId: string | null
}

/** A piece of the log, oldest first. */
export interface LogPage {
  readonly lines: readonly EntryLine[]
  /** All changes of entries until this revision are in it. */
  readonly until: number
}

/**
 * Changes of entries after a revision, so many at most.
 *
 * @returns undefined when the log does not reach back that far, or knows nothing of that revision: it lies in the future
 *   of a store that was restored
 */
export async function selectEntryLines(snapshot: Snapshot, after: number, limit: number): Promise<LogPage | undefined> {
  const now = await currentRevision(snapshot)
  if (after > now) return undefined
  if (after === now) return { lines: [], until: now }
  // Each revision has its line, so the first one missing means that it was dropped.
  const next = await snapshot
    .selectFrom('change_log')
    .select('revision')
    .where('revision', '=', after + 1)
    .execute()
  if (next.length === 0) return undefined
  const rows = await snapshot
    .selectFrom('change_log')
    .selectAll()
    .where('revision', '>', after)
    .where('kind', 'in', ['entry.created', 'entry.updated', 'entry.deleted', 'entry.expired'])
    .orderBy('revision')
    .limit(limit)
    .execute()
  const lines = rows.map((row) => ({
    ...{ revision: row.revision, at: row.at, kind: row.kind, entryId: row.subject },
    ...{ spiffeId: row.spiffe_id, previousSpiffeId: row.previous_spiffe_id },
  }))
  return { lines, until: lines.length < limit ? now : (lines.at(-1)?.revision ?? now) }
}
