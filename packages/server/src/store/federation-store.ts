import type { BundleDocument, Federation, NewFederation } from '@countersign/api'
import { FederationError } from '../federation/federation-error.ts'
import { removeBundle, writeBundle } from './bundle-store.ts'
import type { FederationRow } from './schema.ts'
import type { Snapshot, Store } from './store.ts'

/** How the last attempt to fetch a bundle ended badly. */
export interface RefreshFailure {
  readonly code: string
  readonly message: string
}

/** Which foreign trust domains' bundles to fetch, from where, and how the last attempt went. */
export class FederationStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  list(): Promise<Federation[]> {
    return this.#store.read(async (snapshot) => {
      const rows = await selectFederations(snapshot).orderBy('federations.trust_domain').execute()
      return rows.map(fromRow)
    })
  }

  get(trustDomain: string): Promise<Federation | undefined> {
    return this.#store.read(async (snapshot) => {
      const row = await selectFederations(snapshot)
        .where('federations.trust_domain', '=', trustDomain)
        .executeTakeFirst()
      return row && fromRow(row)
    })
  }

  /** @throws FederationError `ERR_FEDERATION_EXISTS` */
  create(federation: NewFederation): Promise<Federation> {
    return this.#store.change(async (change) => {
      const { numInsertedOrUpdatedRows: inserted } = await change.db
        .insertInto('federations')
        .values({
          trust_domain: federation.trustDomain,
          bundle_endpoint_url: federation.bundleEndpointUrl,
          profile: federation.profile,
          web_roots: federation.webRoots ?? null,
          last_refresh_at: null,
          last_error_code: null,
          last_error_message: null,
          last_error_at: null,
        })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow()
      if (inserted !== 1n) {
        throw new FederationError('ERR_FEDERATION_EXISTS', 'a relationship with this trust domain exists')
      }
      await change.record('federation.created', federation.trustDomain)
      return federation
    })
  }

  /** Ends the relationship and the trust that came from it. @throws FederationError `ERR_FEDERATION_NOT_FOUND` */
  delete(trustDomain: string): Promise<void> {
    return this.#store.change(async (change) => {
      const { numDeletedRows } = await change.db
        .deleteFrom('federations')
        .where('trust_domain', '=', trustDomain)
        .executeTakeFirstOrThrow()
      if (numDeletedRows !== 1n) throw notFound()
      await removeBundle(change, trustDomain)
      await change.record('federation.deleted', trustDomain)
    })
  }

  /**
   * Stores a fetched bundle, unless the relationship was ended or pointed elsewhere while it was fetched, or a newer
   * bundle is stored already.
   *
   * @returns whether the stored bundle changed
   * @throws FederationError `ERR_FEDERATION_NOT_FOUND`
   * @throws FederationError `ERR_FEDERATION_OLDER` when `spiffe_sequence` is lower than the stored one or missing beside it
   */
  recordFetched(trustDomain: string, url: string, bundle: BundleDocument): Promise<boolean> {
    return this.#store.change(async (change) => {
      const row = await selectFederations(change.db)
        .where('federations.trust_domain', '=', trustDomain)
        .where('bundle_endpoint_url', '=', url)
        .executeTakeFirst()
      if (row === undefined) throw notFound()
      // One without a sequence could be any age: accepting it would let an old answer take the stored one's place.
      if (row.sequence !== null && (bundle.spiffe_sequence ?? -1) < row.sequence) {
        throw new FederationError(
          'ERR_FEDERATION_OLDER',
          'fetched bundle has a lower sequence than the stored one, or none',
        )
      }
      await change.db
        .updateTable('federations')
        .set({ last_refresh_at: change.now, last_error_code: null, last_error_message: null, last_error_at: null })
        .where('trust_domain', '=', trustDomain)
        .execute()
      return writeBundle(change, trustDomain, bundle)
    })
  }

  /** Notes a failure, unless the relationship was ended or points elsewhere by now. What is stored stays. */
  recordFailure(trustDomain: string, url: string, failure: RefreshFailure, at: number): Promise<void> {
    return this.#store.note(async (db) => {
      await db
        .updateTable('federations')
        .set({ last_error_code: failure.code, last_error_message: failure.message, last_error_at: at })
        .where('trust_domain', '=', trustDomain)
        .where('bundle_endpoint_url', '=', url)
        .execute()
    })
  }
}

function selectFederations(snapshot: Snapshot) {
  return snapshot
    .selectFrom('federations')
    .leftJoin('bundles', 'bundles.trust_domain', 'federations.trust_domain')
    .selectAll('federations')
    .select('bundles.sequence')
}

function notFound() {
  return new FederationError('ERR_FEDERATION_NOT_FOUND', 'no relationship with this trust domain')
}

function fromRow(row: FederationRow & { readonly sequence: number | null }): Federation {
  return {
    trustDomain: row.trust_domain,
    bundleEndpointUrl: row.bundle_endpoint_url,
    profile: 'https_web',
    ...(row.web_roots !== null && { webRoots: row.web_roots }),
    ...(row.last_refresh_at !== null && { lastRefreshAt: row.last_refresh_at }),
    ...(row.last_error_code !== null && {
      lastError: {
        code: row.last_error_code,
        message: row.last_error_message ?? '',
        at: row.last_error_at ?? 0,
      },
    }),
    ...(row.sequence !== null && { sequence: row.sequence }),
  }
}
