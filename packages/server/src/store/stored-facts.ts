import { currentRevision, type Store } from './store.ts'

/** What is in the store, in numbers, as of one revision. */
export interface StoredFacts {
  readonly revision: number
  readonly entries: number
  readonly nodes: { readonly active: number; readonly expired: number; readonly banned: number }
  /** Beginning of the oldest revocation list of an authority that is published. */
  readonly oldestCrlAt: number | undefined
  /** Of federated trust domains: when the bundle was last fetched, or stored. */
  readonly bundles: readonly { readonly trustDomain: string; readonly at: number }[]
}

export function readStoredFacts(store: Store, now: number): Promise<StoredFacts> {
  return store.read(async (db) => {
    const entries = await db
      .selectFrom('entries')
      .select(db.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    const nodes = { active: 0, expired: 0, banned: 0 }
    const states = await db
      .selectFrom('nodes')
      .select(({ fn, eb }) => [
        eb('banned_at', 'is not', null).as('isBanned'),
        eb('expires_at', '<', now).as('isExpired'),
        fn.countAll<number>().as('count'),
      ])
      .groupBy(['isBanned', 'isExpired'])
      .execute()
    for (const { isBanned, isExpired, count } of states) {
      nodes[isBanned ? 'banned' : isExpired ? 'expired' : 'active'] += count
    }
    const crl = await db
      .selectFrom('crls')
      .innerJoin('authorities', 'authorities.id', 'crls.authority_id')
      .select(({ fn }) => fn.min('crls.this_update').as('at'))
      .executeTakeFirst()
    const bundles = await db
      .selectFrom('federations')
      .leftJoin('bundles', 'bundles.trust_domain', 'federations.trust_domain')
      .select(['federations.trust_domain as trustDomain', 'last_refresh_at', 'bundles.updated_at'])
      .execute()
    return {
      revision: await currentRevision(db),
      entries: entries.count,
      nodes,
      oldestCrlAt: crl?.at ?? undefined,
      bundles: bundles.flatMap(({ trustDomain, last_refresh_at, updated_at }) => {
        const at = last_refresh_at ?? updated_at
        return at === null ? [] : [{ trustDomain, at }]
      }),
    }
  })
}

/** When the newest change was made. Epoch seconds. */
export function lastChangeAt(store: Store): Promise<number | undefined> {
  return store.read(async (db) => {
    const row = await db.selectFrom('change_log').select('at').orderBy('revision', 'desc').limit(1).executeTakeFirst()
    return row?.at
  })
}
