import type { Store } from './store.ts'

/** Join tokens by their hashes. */
export class JoinTokenStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Also forgets tokens that have expired. */
  create(hash: string, agentPath: string, expiresAt: number): Promise<void> {
    return this.#store.change(async (change) => {
      await change.db.deleteFrom('join_tokens').where('expires_at', '<=', change.now).execute()
      await change.db
        .insertInto('join_tokens')
        .values({ hash, agent_path: agentPath, created_at: change.now, expires_at: expiresAt, used_at: null })
        .execute()
      await change.record('join_token.created', hash)
    })
  }

  /** One conditional update: exactly one of any number of concurrent callers gets the record. */
  redeem(hash: string): Promise<{ readonly agentPath: string } | undefined> {
    return this.#store.change(async (change) => {
      const row = await change.db
        .updateTable('join_tokens')
        .set({ used_at: change.now })
        .where('hash', '=', hash)
        .where('used_at', 'is', null)
        .where('expires_at', '>', change.now)
        .returning('agent_path')
        .executeTakeFirst()
      if (row === undefined) return undefined
      await change.record('join_token.redeemed', hash)
      return { agentPath: row.agent_path }
    })
  }
}
