import type { RevocationReason } from '@countersign/protocol'
import { type Authority, selectAuthorities } from './authority-store.ts'
import type { CrlRow } from './schema.ts'
import { currentRevision, type Snapshot, type Store } from './store.ts'

/** A certificate that its authority has revoked. */
export interface RevokedCertificate {
  /** Hexadecimal. */
  readonly serial: string
  readonly revokedAt: number
  readonly reason: RevocationReason
}

/** What the next list of an authority must say. */
export interface DueCrl {
  readonly authority: Authority
  /** The revision as of which it is complete. */
  readonly number: number
  /** Those that end last come first. */
  readonly revoked: readonly RevokedCertificate[]
}

/** Revocation lists of the authorities that are published, one each. */
export class CrlStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Lists that are missing, lack a revocation, or are past half of their time. */
  due(now: number): Promise<DueCrl[]> {
    return this.#store.read(async (snapshot) => {
      const due: DueCrl[] = []
      for (const authority of await selectAuthorities(snapshot)) {
        if (authority.kind !== 'x509' || !(await isDue(snapshot, authority.id, now))) continue
        const revoked = await selectRevoked(snapshot, authority.id)
        due.push({ authority, revoked, number: await currentRevision(snapshot) })
      }
      return due
    })
  }

  /** Publishes a list; every agent hears of it. Not for an authority that is gone, or in place of a newer list. */
  put(row: CrlRow): Promise<void> {
    return this.#store.change(async ({ db, record }) => {
      const authority = await db
        .selectFrom('authorities')
        .select('id')
        .where('id', '=', row.authority_id)
        .executeTakeFirst()
      if (authority === undefined) return
      await db
        .insertInto('crls')
        .values(row)
        .onConflict((conflict) =>
          conflict.column('authority_id').doUpdateSet(row).where('crls.number', '<', row.number),
        )
        .execute()
      await record('crl.updated', row.authority_id, 'all')
    })
  }

  /**
   * Forgets certificates that have ended. One that was revoked stays until a list was issued after its end, which says so
   * a last time.
   *
   * @see RFC 5280 section 3.3
   */
  forgetExpired(now: number): Promise<void> {
    return this.#store.note(async (db) => {
      const published = db.selectFrom('authorities').select('id')
      await db.deleteFrom('crls').where('authority_id', 'not in', published).execute()
      await db
        .deleteFrom('certificates')
        .where('expires_at', '<', now)
        .where(({ or, not, eb, exists, selectFrom }) =>
          or([
            eb('revoked_at', 'is', null),
            not(
              exists(
                selectFrom('crls')
                  .select('crls.authority_id')
                  .whereRef('crls.authority_id', '=', 'certificates.authority_id')
                  .whereRef('crls.this_update', '<=', 'certificates.expires_at'),
              ),
            ),
          ]),
        )
        .execute()
    })
  }
}

/** Base64 DER, of all authorities that are published. */
export async function selectCrls(snapshot: Snapshot): Promise<string[]> {
  const rows = await snapshot
    .selectFrom('crls')
    .innerJoin('authorities', 'authorities.id', 'crls.authority_id')
    .select('crls.der')
    .orderBy('crls.authority_id')
    .execute()
  return rows.map(({ der }) => der)
}

async function isDue(snapshot: Snapshot, authorityId: string, now: number): Promise<boolean> {
  const present = await snapshot
    .selectFrom('crls')
    .select(['number', 'this_update', 'next_update'])
    .where('authority_id', '=', authorityId)
    .executeTakeFirst()
  if (present === undefined || now >= (present.this_update + present.next_update) / 2) return true
  const unlisted = await snapshot
    .selectFrom('certificates')
    .select('serial')
    .where('authority_id', '=', authorityId)
    .where('revoked_at', 'is not', null)
    .where('revoked_revision', '>', present.number)
    .limit(1)
    .executeTakeFirst()
  return unlisted !== undefined
}

async function selectRevoked(snapshot: Snapshot, authorityId: string): Promise<RevokedCertificate[]> {
  const rows = await snapshot
    .selectFrom('certificates')
    .select(['serial', 'revoked_at', 'reason'])
    .where('authority_id', '=', authorityId)
    .where('revoked_at', 'is not', null)
    .orderBy('expires_at', 'desc')
    .orderBy('serial')
    .execute()
  return rows.map(({ serial, revoked_at, reason }) => ({
    serial,
    revokedAt: revoked_at ?? 0,
    reason: reason as RevocationReason,
  }))
}
