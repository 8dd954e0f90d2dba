import type { BundleDocument, EndpointProfile, Federation, FederationChange } from '@countersign/api'
import { FederationError } from '../federation/federation-error.ts'
import { removeBundle, writeBundle } from './bundle-store.ts'
import type { FederationRow } from './schema.ts'
import type { Snapshot, Store } from './store.ts'

/** Where a bundle comes from, and the bundle to begin with, if the operator gave one. */
export interface FederationEndpoint extends Omit<FederationChange, 'bundle'> {
  readonly bundle?: BundleDocument | undefined
}

/** How the last attempt to fetch a bundle ended badly. */
export interface RefreshFailure {
  readonly code: string
  readonly message: string
  /** For the operator. */
  readonly detail?: string | undefined
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
  create(trustDomain: string, endpoint: FederationEndpoint): Promise<Federation> {
    return this.#store.change(async (change) => {
      const { numInsertedOrUpdatedRows: inserted } = await change.db
        .insertInto('federations')
        .values({
          trust_domain: trustDomain,
          ...endpointColumns(endpoint),
          last_refresh_at: null,
          ...NO_ERROR,
        })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow()
      if (inserted !== 1n) {
        throw new FederationError('ERR_FEDERATION_EXISTS', 'a relationship with this trust domain exists')
      }
      await change.record('federation.created', trustDomain)
      if (endpoint.bundle !== undefined) await writeBundle(change, trustDomain, endpoint.bundle)
      return requireFederation(change.db, trustDomain)
    })
  }

  /** Replaces the endpoint. The stored bundle stays unless another is given. @throws FederationError `ERR_FEDERATION_NOT_FOUND` */
  update(trustDomain: string, endpoint: FederationEndpoint): Promise<Federation> {
    return this.#store.change(async (change) => {
      const { numUpdatedRows } = await change.db
        .updateTable('federations')
        .set({ ...endpointColumns(endpoint), ...NO_ERROR })
        .where('trust_domain', '=', trustDomain)
        .executeTakeFirstOrThrow()
      if (numUpdatedRows !== 1n) throw notFound()
      await change.record('federation.updated', trustDomain)
      if (endpoint.bundle !== undefined) await writeBundle(change, trustDomain, endpoint.bundle)
      return requireFederation(change.db, trustDomain)
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
   * bundle is stored already. One of the same sequence and other keys is taken: some publishers never count, and their
   * rotated authority must arrive nevertheless.
   *
   * @param attempted the relationship as the attempt found it
   * @param ended aborted when the attempt does not count any more; looked at when nothing else can be written any more
   * @returns whether the stored bundle changed
   * @throws FederationError `ERR_FEDERATION_NOT_FOUND`, also when `ended`
   * @throws FederationError `ERR_FEDERATION_OLDER` when `spiffe_sequence` is lower than the stored one or missing beside it
   */
  recordFetched(attempted: Federation, bundle: BundleDocument, ended: AbortSignal): Promise<boolean> {
    const { trustDomain } = attempted
    return this.#store.change(async (change) => {
      const row = await selectFederations(change.db)
        .where('federations.trust_domain', '=', trustDomain)
        .executeTakeFirst()
      if (row === undefined || !isSameEndpoint(fromRow(row), attempted) || ended.aborted) throw notFound()
      // One without a sequence could be any age: accepting it would let an old answer take the stored one's place.
      if (row.sequence !== null && (bundle.spiffe_sequence ?? -1) < row.sequence) {
        throw new FederationError(
          'ERR_FEDERATION_OLDER',
          'fetched bundle has a lower sequence than the stored one, or none',
        )
      }
      await change.db
        .updateTable('federations')
        .set({ last_refresh_at: change.now, ...NO_ERROR })
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
        .set({
          last_error_code: failure.code,
          last_error_message: failure.message,
          last_error_detail: failure.detail ?? null,
          last_error_at: at,
        })
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

const NO_ERROR = { last_error_code: null, last_error_message: null, last_error_detail: null, last_error_at: null }

function endpointColumns(endpoint: FederationEndpoint) {
  return {
    bundle_endpoint_url: endpoint.bundleEndpointUrl,
    profile: endpoint.profile,
    web_roots: endpoint.webRoots ?? null,
    endpoint_spiffe_id: endpoint.endpointSpiffeId ?? null,
    allowed_addresses: endpoint.allowedAddresses === undefined ? null : JSON.stringify(endpoint.allowedAddresses),
  }
}

/** What believed the endpoint. At the same URL, another profile would not have. */
function isSameEndpoint(one: Federation, other: Federation): boolean {
  return (
    one.bundleEndpointUrl === other.bundleEndpointUrl &&
    one.profile === other.profile &&
    one.endpointSpiffeId === other.endpointSpiffeId &&
    one.webRoots === other.webRoots
  )
}

async function requireFederation(snapshot: Snapshot, trustDomain: string): Promise<Federation> {
  const row = await selectFederations(snapshot).where('federations.trust_domain', '=', trustDomain).executeTakeFirst()
  if (row === undefined) throw notFound()
  return fromRow(row)
}

function notFound() {
  return new FederationError('ERR_FEDERATION_NOT_FOUND', 'no relationship with this trust domain')
}

function fromRow(row: FederationRow & { readonly sequence: number | null }): Federation {
  return {
    trustDomain: row.trust_domain,
    bundleEndpointUrl: row.bundle_endpoint_url,
    profile: row.profile as EndpointProfile,
    ...(row.web_roots !== null && { webRoots: row.web_roots }),
    ...(row.endpoint_spiffe_id !== null && { endpointSpiffeId: row.endpoint_spiffe_id }),
    ...(row.allowed_addresses !== null && { allowedAddresses: JSON.parse(row.allowed_addresses) as string[] }),
    ...(row.last_refresh_at !== null && { lastRefreshAt: row.last_refresh_at }),
    ...(row.last_error_code !== null && {
      lastError: {
        code: row.last_error_code,
        message: row.last_error_message ?? '',
        ...(row.last_error_detail !== null && { detail: row.last_error_detail }),
        at: row.last_error_at ?? 0,
      },
    }),
    ...(row.sequence !== null && { sequence: row.sequence }),
  }
}
