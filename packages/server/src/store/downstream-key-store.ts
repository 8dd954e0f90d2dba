import type { TokenKey } from '@countersign/plugin-kit'
import type { PublicJwk } from '@countersign/protocol'
import { DownstreamError } from '../downstream/downstream-error.ts'
import type { AuthorityStore } from './authority-store.ts'
import type { Snapshot, Store } from './store.ts'

/** Whose keys they are, and the node on which that server runs. */
export interface KeyHolder {
  readonly spiffeId: string
  readonly agentId: string
}

/** Token signing keys of the servers below this one, which the whole trust domain is to know. */
export class DownstreamKeyStore {
  readonly #store: Store
  readonly #authorities: AuthorityStore

  constructor(store: Store, authorities: AuthorityStore) {
    this.#store = store
    this.#authorities = authorities
  }

  list(): Promise<TokenKey[]> {
    return this.#store.read(selectDownstreamKeys)
  }

  /**
   * Replaces the keys of one server below, all or none.
   *
   * @throws DownstreamError `ERR_DOWNSTREAM_KEY_TAKEN` for the name of a key that is somebody else's: verifiers find keys by
   *   name, and nobody may stand in the way of another's
   */
  async replace({ spiffeId, agentId }: KeyHolder, keys: readonly TokenKey[]): Promise<void> {
    const present = await this.#store.read((snapshot) => selectOf(snapshot, spiffeId))
    if (JSON.stringify(present) === JSON.stringify(sorted(keys))) return
    await this.#authorities.publishWith(async ({ db }) => {
      await db.deleteFrom('downstream_keys').where('holder', '=', spiffeId).execute()
      await requireFree(db, keys)
      for (const { kind, publicJwk, notAfter } of keys) {
        const row = { kid: publicJwk.kid ?? '', kind, public_jwk: JSON.stringify(publicJwk), not_after: notAfter }
        await db
          .insertInto('downstream_keys')
          .values({ ...row, holder: spiffeId, agent_id: agentId })
          .execute()
      }
    })
  }

  /** Forgets keys whose time is over, and those of servers on nodes that are banned or gone. */
  async removeEnded(now: number): Promise<void> {
    const ended = await this.#store.read((snapshot) => selectEnded(snapshot, now))
    if (ended.length === 0) return
    await this.#authorities.publishWith(async ({ db }) => {
      await db.deleteFrom('downstream_keys').where('kid', 'in', ended).execute()
    })
  }
}

/** By name. */
export async function selectDownstreamKeys(snapshot: Snapshot): Promise<TokenKey[]> {
  const rows = await snapshot.selectFrom('downstream_keys').selectAll().orderBy('kid').execute()
  return rows.map(fromRow)
}

async function selectOf(snapshot: Snapshot, holder: string): Promise<TokenKey[]> {
  const rows = await snapshot
    .selectFrom('downstream_keys')
    .selectAll()
    .where('holder', '=', holder)
    .orderBy('kid')
    .execute()
  return rows.map(fromRow)
}

async function selectEnded(snapshot: Snapshot, now: number): Promise<string[]> {
  const rows = await snapshot
    .selectFrom('downstream_keys')
    .leftJoin('nodes', 'nodes.agent_id', 'downstream_keys.agent_id')
    .select('downstream_keys.kid')
    .where(({ or, eb }) =>
      or([
        eb('downstream_keys.not_after', '<=', now),
        eb('nodes.agent_id', 'is', null),
        eb('nodes.banned_at', 'is not', null),
      ]),
    )
    .execute()
  return rows.map(({ kid }) => kid)
}

async function requireFree(db: Snapshot, keys: readonly TokenKey[]): Promise<void> {
  const kids = keys.map(({ publicJwk }) => publicJwk.kid ?? '')
  const own = await db.selectFrom('authorities').select('id').where('id', 'in', kids).execute()
  const revoked = await db.selectFrom('revoked_authorities').select('id').where('id', 'in', kids).execute()
  const others = await db.selectFrom('downstream_keys').select('kid').where('kid', 'in', kids).execute()
  if (own.length + revoked.length + others.length > 0 || new Set(kids).size < kids.length) {
    throw new DownstreamError('ERR_DOWNSTREAM_KEY_TAKEN', 'a key of that name is known already')
  }
}

function fromRow(row: { kind: string; public_jwk: string; not_after: number }): TokenKey {
  return {
    kind: row.kind as TokenKey['kind'],
    publicJwk: JSON.parse(row.public_jwk) as PublicJwk,
    notAfter: row.not_after,
  }
}

function sorted(keys: readonly TokenKey[]): TokenKey[] {
  return [...keys]
    .map(({ kind, publicJwk, notAfter }) => ({ kind, publicJwk, notAfter }))
    .sort((a, b) => ((a.publicJwk.kid ?? '') < (b.publicJwk.kid ?? '') ? -1 : 1))
}
