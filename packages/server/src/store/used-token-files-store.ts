import type { Transaction } from 'kysely'
import type { Schema } from './schema.ts'
import type { Store } from './store.ts'

/** Which files this store's used tokens are in: those of another, or of another time, say nothing. */
export class UsedTokenFilesStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** @returns `undefined` when there never were any */
  name(): Promise<string | undefined> {
    return this.#store.read(async (db) => {
      const row = await db.selectFrom('used_token_files').select('name').executeTakeFirst()
      return row?.name
    })
  }

  /** @throws StoreError `ERR_STORE_UNWRITABLE` */
  setName(name: string): Promise<void> {
    return this.#store.note((db) => setUsedTokenFiles(db, name))
  }
}

/** Of a store that may have forgotten what was used: no files are those. */
export const NO_FILES = ''

export async function setUsedTokenFiles(db: Transaction<Schema>, name: string): Promise<void> {
  await db
    .insertInto('used_token_files')
    .values({ id: 1, name })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ name }))
    .execute()
}
