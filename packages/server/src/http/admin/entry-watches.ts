import type { EntryDirectory } from '../../registration/entry-directory.ts'
import { HttpError } from '../http-error.ts'
import type { EntryWatch } from './entry-watch.ts'

/** Each reads the log again after every change. */
const MAX_WATCHES = 64

/** All watches of entries that are open. */
export class EntryWatches {
  readonly #watches = new Set<EntryWatch>()
  readonly #unsubscribe: () => void

  constructor(directory: Pick<EntryDirectory, 'subscribe'>) {
    this.#unsubscribe = directory.subscribe(() => {
      for (const watch of this.#watches) watch.markDirty()
    })
  }

  /** @throws HttpError `ERR_HTTP_BUSY` when there are as many as may be */
  requirePlace(): void {
    if (this.#watches.size >= MAX_WATCHES) throw new HttpError('ERR_HTTP_BUSY', 'too many watch at the same time')
  }

  add(watch: EntryWatch): void {
    this.#watches.add(watch)
  }

  delete(watch: EntryWatch): void {
    this.#watches.delete(watch)
  }

  closeAll(): void {
    this.#unsubscribe()
    for (const watch of this.#watches) watch.close()
  }
}
