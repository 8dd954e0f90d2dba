import { AttestationError, type Clock, type RedeemedJoinToken } from '@countersign/plugin-kit'
import type { ChangeTransaction, Store } from './store.ts'

export interface NewJoinTokenRecord {
  readonly hash: string
  readonly agentPath: string
  /** Values of selectors that the node is to have besides that of its path. */
  readonly selectors: readonly string[]
  readonly expiresAt: number
}

/** Join tokens by their hashes. */
export class JoinTokenStore {
  readonly #store: Store
  readonly #clock: Clock

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Also forgets tokens that have expired. */
  create(token: NewJoinTokenRecord): Promise<void> {
    const { hash, agentPath, selectors, expiresAt } = token
    return this.#store.change(async (change) => {
      await change.db.deleteFrom('join_tokens').where('expires_at', '<=', change.now).execute()
      await change.db
        .insertInto('join_tokens')
        .values({
          ...{ hash, agent_path: agentPath, created_at: change.now, expires_at: expiresAt },
          ...{ used_at: null, used_key: null },
          selectors: selectors.length === 0 ? null : JSON.stringify(selectors),
        })
        .execute()
      await change.record('join_token.created', hash)
    })
  }

  /** What a token is for that this key could spend now, or has spent. */
  findFor(hash: string, keyHash: string): Promise<RedeemedJoinToken | undefined> {
    return this.#store.read(async (snapshot) => {
      const row = await snapshot
        .selectFrom('join_tokens')
        .select(['agent_path', 'selectors'])
        .where('hash', '=', hash)
        .where(({ eb, or }) => or([eb('used_at', 'is', null), eb('used_key', '=', keyHash)]))
        .where('expires_at', '>', this.#clock.now())
        .executeTakeFirst()
      if (row === undefined) return undefined
      const { agent_path: agentPath, selectors } = row
      return { agentPath, ...(selectors !== null && { selectors: JSON.parse(selectors) as string[] }) }
    })
  }
}

/**
 * Spends a token as part of a change: one conditional update, so it happens once whoever else tries. The key it was spent
 * for may bring it again, until it expires: the answer was lost on its way, and for another key it is worth nothing.
 *
 * @returns whether it was spent before
 * @throws AttestationError `ERR_ATTESTATION_TOKEN_UNKNOWN`
 */
export async function spendJoinToken(change: ChangeTransaction, hash: string, keyHash: string): Promise<boolean> {
  const before = await change.db.selectFrom('join_tokens').select('used_at').where('hash', '=', hash).executeTakeFirst()
  const { numUpdatedRows } = await change.db
    .updateTable('join_tokens')
    .set({ used_at: change.now, used_key: keyHash })
    .where('hash', '=', hash)
    .where(({ eb, or }) => or([eb('used_at', 'is', null), eb('used_key', '=', keyHash)]))
    .where('expires_at', '>', change.now)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows !== 1n) throw joinTokenUnknown()
  await change.record('join_token.redeemed', hash)
  return before !== undefined && before.used_at !== null
}

export function joinTokenUnknown(): AttestationError {
  return new AttestationError('ERR_ATTESTATION_TOKEN_UNKNOWN', 'join token is unknown, has expired or was used before')
}
