import type { BundleDocument, TrustDomainBundle } from '@countersign/api'
import type { ChangeTransaction, Snapshot, Store } from './store.ts'

/** Bundle documents by trust domain: the own one and those of federated domains. Never merged, always replaced. */
export class BundleStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  list(): Promise<TrustDomainBundle[]> {
    return this.#store.read((snapshot) => selectBundles(snapshot))
  }

  async get(trustDomain: string): Promise<TrustDomainBundle | undefined> {
    const [bundle] = await this.#store.read((snapshot) => selectBundles(snapshot, [trustDomain]))
    return bundle
  }

  /** @returns false when the stored document is the same and nothing was changed */
  put(trustDomain: string, bundle: BundleDocument): Promise<boolean> {
    return this.#store.change((change) => writeBundle(change, trustDomain, bundle))
  }
}

/** Ordered by trust domain. */
export async function selectBundles(
  snapshot: Snapshot,
  trustDomains?: readonly string[],
): Promise<TrustDomainBundle[]> {
  let query = snapshot.selectFrom('bundles').select(['trust_domain', 'document']).orderBy('trust_domain')
  if (trustDomains !== undefined) query = query.where('trust_domain', 'in', trustDomains)
  const rows = await query.execute()
  return rows.map((row) => ({
    trustDomain: row.trust_domain,
    bundle: JSON.parse(row.document) as BundleDocument,
  }))
}

/** Stores and announces a bundle. @returns false when the stored document is the same and nothing was changed */
export async function writeBundle(
  change: ChangeTransaction,
  trustDomain: string,
  bundle: BundleDocument,
): Promise<boolean> {
  const [present] = await selectBundles(change.db, [trustDomain])
  if (JSON.stringify(present?.bundle) === JSON.stringify(bundle)) return false
  await upsertBundle(change, trustDomain, bundle)
  await change.record('bundle.updated', trustDomain, 'all')
  return true
}

/** Stores without announcing: the caller records the change. */
export async function upsertBundle(
  change: ChangeTransaction,
  trustDomain: string,
  bundle: BundleDocument,
): Promise<void> {
  const columns = {
    document: JSON.stringify(bundle),
    sequence: bundle.spiffe_sequence ?? null,
    updated_at: change.now,
  }
  await change.db
    .insertInto('bundles')
    .values({ trust_domain: trustDomain, ...columns })
    .onConflict((conflict) => conflict.column('trust_domain').doUpdateSet(columns))
    .execute()
}

export async function removeBundle(change: ChangeTransaction, trustDomain: string): Promise<void> {
  const { numDeletedRows } = await change.db
    .deleteFrom('bundles')
    .where('trust_domain', '=', trustDomain)
    .executeTakeFirstOrThrow()
  if (numDeletedRows > 0n) await change.record('bundle.deleted', trustDomain, 'all')
}
