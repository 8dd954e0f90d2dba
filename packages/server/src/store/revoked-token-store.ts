import type { Store } from './store.ts'

/** Ids of tokens that were revoked, until these would have ended anyway. */
export class RevokedTokenStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Also forgets those that have ended. @throws StoreError `ERR_STORE_UNWRITABLE`: then it is not revoked */
  async add(id: string, expiresAt: number, now: number): Promise<void> {
    await this.#store.note(async (db) => {
      await db.deleteFrom('revoked_tokens').where('expires_at', '<=', now).execute()
      await db
        .insertInto('revoked_tokens')
        .values({ id, expires_at: Math.ceil(expiresAt) })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    })
  }

  has(id: string): Promise<boolean> {
    return this.#store.read(async (db) => {
      const row = await db.selectFrom('revoked_tokens').select('id').where('id', '=', id).executeTakeFirst()
      return row !== undefined
    })
  }
}
