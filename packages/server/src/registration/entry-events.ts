import type { Entry, EntryEvent } from '@countersign/api'
import { IdentifierMatcher, WorkloadId } from '@countersign/protocol'
import type { EntryGuard } from '../authorization/entry-guard.ts'
import { type EntryLine, selectEntryLines } from '../store/change-log.ts'
import { selectEntry } from '../store/entry-queries.ts'
import { currentRevision, type Snapshot, type Store } from '../store/store.ts'

const PAGE = 500

/** What has happened to entries since a revision. */
export interface EntryEvents {
  readonly events: readonly EntryEvent[]
  /** Everything until this revision has been told. */
  readonly until: number
  readonly isMore: boolean
  /** What happened before is not known any more, or not all of it. */
  readonly isResync: boolean
}

export interface WatchedEntries {
  /** Only entries of this identifier and those below it. */
  readonly below: string | undefined
  /** Says of which the watcher may know. */
  readonly guard: Pick<EntryGuard, 'sees'>
}

/**
 * Reads a piece of what has happened, from the log: nothing is kept for whoever watches, however many and however slow.
 *
 * An entry that got another identifier is told of to those who may know of the new one; to those who may know of the old
 * one only, it is deleted.
 */
export function readEntryEvents(store: Store, after: number, watched: WatchedEntries): Promise<EntryEvents> {
  return store.read(async (snapshot) => {
    const page = await selectEntryLines(snapshot, after, PAGE)
    if (page === undefined) {
      return { events: [], until: await currentRevision(snapshot), isMore: false, isResync: true }
    }
    const isMeant = matcher(watched)
    const events: EntryEvent[] = []
    for (const lines of byEntry(page.lines)) {
      const event = await toEvent(snapshot, lines, isMeant)
      if (event !== undefined) events.push(event)
    }
    events.sort((a, b) => a.revision - b.revision)
    return { events, until: page.until, isMore: page.lines.length === PAGE, isResync: false }
  })
}

type IsMeant = (spiffeId: string) => boolean

function matcher({ below, guard }: WatchedEntries): IsMeant {
  const sees: IsMeant = (spiffeId) => guard.sees({ spiffeId })
  if (below === undefined) return sees
  const root = IdentifierMatcher.descendantsOf(WorkloadId.parse(below))
  return (spiffeId) => sees(spiffeId) && root.matches(WorkloadId.parse(spiffeId))
}

function byEntry(lines: readonly EntryLine[]): Iterable<readonly EntryLine[]> {
  return Map.groupBy(lines, ({ entryId }) => entryId).values()
}

/** An entry that has come and gone meanwhile, or was never one that is meant, is passed over. */
async function toEvent(
  snapshot: Snapshot,
  lines: readonly EntryLine[],
  isMeant: IsMeant,
): Promise<EntryEvent | undefined> {
  const [first, last] = [lines[0], lines.at(-1)]
  if (first === undefined || last === undefined) return undefined
  const { revision, at, entryId: id } = last
  const entry: Entry | undefined = await selectEntry(snapshot, id)
  const isNew = first.kind === 'entry.created'
  if (entry !== undefined && isMeant(entry.spiffeId)) {
    return { change: isNew ? 'created' : 'updated', revision, at, id, spiffeId: entry.spiffeId, entry }
  }
  if (isNew && entry === undefined) return undefined
  const names = lines.flatMap((line) => [line.previousSpiffeId, line.spiffeId]).filter((name) => name !== null)
  const spiffeId = names.findLast(isMeant)
  return spiffeId === undefined ? undefined : { change: 'deleted', revision, at, id, spiffeId }
}
