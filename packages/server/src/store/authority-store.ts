import { decodeBase64, encodeBase64, type PublicJwk } from '@countersign/protocol'
import type { ChangeKind } from './change-feed.ts'
import type { AuthorityRow } from './schema.ts'
import type { ChangeTransaction, Snapshot, Store } from './store.ts'

/** `oauth` signs what the token service issues. It is never part of the bundle. */
export type AuthorityKind = 'x509' | 'jwt' | 'wit' | 'oauth'

/** Those that every server has. */
export const AUTHORITY_KINDS = ['x509', 'jwt', 'wit'] as const satisfies readonly AuthorityKind[]

/** `prepared`: published, not used yet. `active`: signs. `retired`: published until nothing it signed can be valid. */
export type AuthorityState = 'prepared' | 'active' | 'retired'

/** One signing key of the trust domain. Its private half is in the key manager under `keyName`. */
export interface Authority {
  readonly id: string
  readonly kind: AuthorityKind
  readonly keyName: string
  readonly state: AuthorityState
  readonly notBefore: number
  readonly notAfter: number
  /** DER; of an `x509` authority. */
  readonly certificate?: Uint8Array
  /** What stands above `certificate`, unless that is a root of this trust domain itself. */
  readonly upstream?: AuthorityUpstream
  /** Of a `jwt` or `wit` authority. */
  readonly publicJwk?: PublicJwk
  /** What it signed is to be replaced, since this moment. */
  readonly taintedAt?: number
}

export interface AuthorityUpstream {
  /** DER: the CAs between `certificate` and the root, the issuer of `certificate` first. */
  readonly chain: readonly Uint8Array[]
  /** DER. */
  readonly root: Uint8Array
  /** Signed by hand: no plugin speaks for the root, so it stays published as long as the authority does. */
  readonly isImported: boolean
}

/** What is left of an authority that is trusted no more. */
export interface RevokedAuthority extends Pick<Authority, 'id' | 'kind' | 'notBefore' | 'notAfter' | 'taintedAt'> {
  readonly revokedAt: number
}

/** Called within the transaction that changed the authorities, so that what is published never lags behind. */
export type AuthoritiesPublisher = (change: ChangeTransaction, authorities: readonly Authority[]) => Promise<void>

export class AuthorityStore {
  readonly #store: Store
  readonly #publish: AuthoritiesPublisher

  constructor(store: Store, publish: AuthoritiesPublisher) {
    this.#store = store
    this.#publish = publish
  }

  list(): Promise<Authority[]> {
    return this.#store.read(selectAuthorities)
  }

  /** Publishes the present authorities again, for when what else is published with them may have changed. */
  republish(): Promise<void> {
    return this.#store.change(async (change) => this.#publish(change, await selectAuthorities(change.db)))
  }

  /** Changes what is published beside the authorities, and publishes it. */
  publishWith<T>(work: (change: ChangeTransaction) => Promise<T>): Promise<T> {
    return this.#store.change(async (change) => {
      const result = await work(change)
      await this.#publish(change, await selectAuthorities(change.db))
      return result
    })
  }

  add(authority: Authority): Promise<void> {
    return this.#change('authority.prepared', authority.id, async ({ db }) => {
      await db.insertInto('authorities').values(toRow(authority)).execute()
    })
  }

  /** Makes a prepared authority the active one of its kind; the one before is retired in the same transaction. */
  activate(authority: Authority): Promise<void> {
    return this.#change('authority.activated', authority.id, async (change) => {
      const previous = await change.db
        .updateTable('authorities')
        .set({ state: 'retired' })
        .where('kind', '=', authority.kind)
        .where('state', '=', 'active')
        .returning('id')
        .execute()
      for (const { id } of previous) await change.record('authority.retired', id)
      await setState(change, authority.id, 'active')
    })
  }

  /** For an authority that cannot sign any more: what it signed stays valid. */
  retire(authority: Authority): Promise<void> {
    return this.#change('authority.retired', authority.id, (change) => setState(change, authority.id, 'retired'))
  }

  remove(authority: Authority): Promise<void> {
    return this.#change('authority.removed', authority.id, (change) => deleteAuthority(change, authority.id))
  }

  /** Every agent hears of it with the change. */
  taint({ id }: Authority): Promise<void> {
    return this.#store.change(async ({ db, now, record }) => {
      await db.updateTable('authorities').set({ tainted_at: now }).where('id', '=', id).execute()
      await record('authority.tainted', id, 'all')
    })
  }

  /** Publishes it no more, whatever it signed. */
  revoke({ id, kind, notBefore, notAfter, taintedAt }: Authority): Promise<void> {
    return this.#change('authority.revoked', id, async (change) => {
      await deleteAuthority(change, id)
      await change.db
        .insertInto('revoked_authorities')
        .values({
          ...{ id, kind, not_before: notBefore, not_after: notAfter },
          ...{ tainted_at: taintedAt ?? null, revoked_at: change.now },
        })
        .execute()
    })
  }

  /** Newest first, the last hundred. */
  listRevoked(): Promise<RevokedAuthority[]> {
    return this.#store.read(async (snapshot) => {
      const rows = await snapshot
        .selectFrom('revoked_authorities')
        .selectAll()
        .orderBy('revoked_at', 'desc')
        .limit(MAX_REVOKED)
        .execute()
      return rows.map((row) => ({
        id: row.id,
        kind: row.kind as AuthorityKind,
        notBefore: row.not_before,
        notAfter: row.not_after,
        revokedAt: row.revoked_at,
        ...(row.tainted_at !== null && { taintedAt: row.tainted_at }),
      }))
    })
  }

  #change(kind: ChangeKind, id: string, work: (change: ChangeTransaction) => Promise<void>): Promise<void> {
    return this.#store.change(async (change) => {
      await work(change)
      await change.record(kind, id)
      await this.#publish(change, await selectAuthorities(change.db))
    })
  }
}

const MAX_REVOKED = 100

async function deleteAuthority({ db }: ChangeTransaction, id: string): Promise<void> {
  await db.deleteFrom('authorities').where('id', '=', id).execute()
  await db.deleteFrom('taint_reports').where('authority_id', '=', id).execute()
}

/** Oldest first. */
export async function selectAuthorities(snapshot: Snapshot): Promise<Authority[]> {
  const rows = await snapshot.selectFrom('authorities').selectAll().orderBy('not_before').orderBy('id').execute()
  return rows.map(authorityOfRow)
}

async function setState(change: ChangeTransaction, id: string, state: AuthorityState): Promise<void> {
  await change.db.updateTable('authorities').set({ state }).where('id', '=', id).executeTakeFirstOrThrow()
}

function toRow(authority: Authority): AuthorityRow {
  return {
    id: authority.id,
    kind: authority.kind,
    key_name: authority.keyName,
    state: authority.state,
    not_before: authority.notBefore,
    not_after: authority.notAfter,
    certificate: authority.certificate === undefined ? null : Buffer.from(authority.certificate).toString('base64'),
    public_jwk: authority.publicJwk === undefined ? null : JSON.stringify(authority.publicJwk),
    tainted_at: authority.taintedAt ?? null,
    upstream: authority.upstream === undefined ? null : formatUpstream(authority.upstream),
  }
}

export function authorityOfRow(row: AuthorityRow): Authority {
  return {
    id: row.id,
    kind: row.kind as AuthorityKind,
    keyName: row.key_name,
    state: row.state as AuthorityState,
    notBefore: row.not_before,
    notAfter: row.not_after,
    ...(row.certificate !== null && { certificate: new Uint8Array(Buffer.from(row.certificate, 'base64')) }),
    ...(row.public_jwk !== null && { publicJwk: JSON.parse(row.public_jwk) as PublicJwk }),
    ...(row.tainted_at !== null && { taintedAt: row.tainted_at }),
    ...(row.upstream !== null && { upstream: parseUpstream(row.upstream) }),
  }
}

function formatUpstream({ chain, root, isImported }: AuthorityUpstream): string {
  return JSON.stringify({ chain: chain.map(encodeBase64), root: encodeBase64(root), isImported })
}

function parseUpstream(text: string): AuthorityUpstream {
  const { chain, root, isImported } = JSON.parse(text) as { chain: string[]; root: string; isImported: boolean }
  return { chain: chain.map(decodeBase64), root: decodeBase64(root), isImported }
}
