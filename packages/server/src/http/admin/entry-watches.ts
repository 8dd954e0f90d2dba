import type { EntryDirectory } from '../../registration/entry-directory.ts'
import type { ChangeFeed, ChangeKind, StoreChange } from '../../store/change-feed.ts'
import { HttpError } from '../http-error.ts'
import type { EntryWatch } from './entry-watch.ts'

/** Each reads the log again after every change. */
const MAX_WATCHES = 64
/** One caller must not keep all others out. */
const MAX_OF_ONE_CALLER = 16

/** After these somebody may see less than before. Who a caller is and what it may is found out when it comes back. */
const CHANGES_OF_RIGHTS: ReadonlySet<ChangeKind> = new Set([
  'role_grant.created',
  'role_grant.deleted',
  'node.banned',
  'node.evicted',
  'authority.revoked',
])

export interface EntryWatchesOptions {
  readonly directory: Pick<EntryDirectory, 'subscribe'>
  readonly feed: Pick<ChangeFeed, 'subscribe'>
}

/** All watches of entries that are open. */
export class EntryWatches {
  /** And whose each is. */
  readonly #watches = new Map<EntryWatch, string>()
  readonly #unsubscribe: () => void
  #isClosed = false

  constructor({ directory, feed }: EntryWatchesOptions) {
    const endings = [
      directory.subscribe(() => {
        for (const watch of this.#watches.keys()) watch.markDirty()
      }),
      feed.subscribe((change) => {
        if (changesRights(change)) this.#endEach()
      }),
    ]
    this.#unsubscribe = () => {
      for (const end of endings) end()
    }
  }

  /** @throws HttpError `ERR_HTTP_BUSY` when there are as many as may be */
  requirePlace(caller: string): void {
    const own = [...this.#watches.values()].filter((each) => each === caller)
    if (this.#watches.size < MAX_WATCHES && own.length < MAX_OF_ONE_CALLER) return
    throw new HttpError('ERR_HTTP_BUSY', 'too many watch at the same time')
  }

  add(watch: EntryWatch, caller: string): void {
    this.#watches.set(watch, caller)
    if (this.#isClosed) watch.close()
  }

  delete(watch: EntryWatch): void {
    this.#watches.delete(watch)
  }

  closeAll(): void {
    this.#isClosed = true
    this.#unsubscribe()
    this.#endEach()
  }

  #endEach(): void {
    for (const watch of [...this.#watches.keys()]) watch.close()
  }
}

function changesRights({ kind, entry }: StoreChange): boolean {
  // An entry can make its program an administrator.
  return CHANGES_OF_RIGHTS.has(kind) || entry?.before?.admin === true || entry?.after?.admin === true
}
