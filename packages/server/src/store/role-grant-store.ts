import type { NewRoleGrant, RoleGrant, RoleSubject } from '@countersign/api'
import { RoleError } from '../authorization/role-error.ts'
import type { RoleGrantRow } from './schema.ts'
import type { Snapshot, Store } from './store.ts'

/** Who has which role over what. */
export class RoleGrantStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Oldest first. */
  list(): Promise<RoleGrant[]> {
    return this.#store.read(async (snapshot) => {
      const rows = await snapshot.selectFrom('role_grants').selectAll().orderBy('created_at').orderBy('id').execute()
      return rows.map(fromRow)
    })
  }

  get(id: string): Promise<RoleGrant | undefined> {
    return this.#store.read((snapshot) => selectRoleGrant(snapshot, id))
  }

  /**
   * @param identity the SPIFFE ID that the subject is or names, if any
   * @throws RoleError `ERR_ROLE_EXISTS` for the same subject, role and prefix
   */
  create(
    id: string,
    grant: NewRoleGrant & Pick<RoleGrant, 'parents'>,
    identity: string | undefined,
  ): Promise<RoleGrant> {
    return this.#store.change(async (change) => {
      const row = {
        id,
        created_at: change.now,
        subject: subjectKey(grant.subject),
        identity: identity ?? null,
        role: grant.role,
        prefix: grant.prefix,
        parents: JSON.stringify(grant.parents),
        federates_with: toJson(grant.federatesWith),
        dns_names: toJson(grant.dnsNames),
        max_ttl: grant.maxTtl ?? null,
        expires_at: grant.expiresAt ?? null,
      }
      // One that is over gives way: it could otherwise not be given again.
      await change.db.deleteFrom('role_grants').where('expires_at', '<=', change.now).execute()
      const { numInsertedOrUpdatedRows: inserted } = await change.db
        .insertInto('role_grants')
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow()
      if (inserted !== 1n) {
        throw new RoleError('ERR_ROLE_EXISTS', 'this subject has this role over this prefix already')
      }
      await change.record('role_grant.created', id)
      return fromRow(row)
    })
  }

  /** @throws RoleError `ERR_ROLE_NOT_FOUND` */
  delete(id: string): Promise<RoleGrant> {
    return this.#store.change(async (change) => {
      const grant = await selectRoleGrant(change.db, id)
      if (grant === undefined) throw noSuchGrant()
      await change.db.deleteFrom('role_grants').where('id', '=', id).execute()
      await change.record('role_grant.deleted', id)
      return grant
    })
  }
}

export function noSuchGrant(): RoleError {
  return new RoleError('ERR_ROLE_NOT_FOUND', 'no such grant of a role')
}

/** Equal subjects have equal keys. JSON: no separator that a claim could contain. */
export function subjectKey(subject: RoleSubject): string {
  if ('uid' in subject) return JSON.stringify(['uid', subject.uid])
  if ('spiffeId' in subject) return JSON.stringify(['spiffe', subject.spiffeId])
  return JSON.stringify(['oidc', subject.issuer, subject.claim, subject.value])
}

/** What these subjects were granted and is not over at `now`. */
export async function selectGrantsTo(
  snapshot: Snapshot,
  subjects: readonly RoleSubject[],
  now: number,
): Promise<RoleGrant[]> {
  if (subjects.length === 0) return []
  const rows = await snapshot
    .selectFrom('role_grants')
    .selectAll()
    .where('subject', 'in', subjects.map(subjectKey))
    .execute()
  return rows.map(fromRow).filter((grant) => isInForce(grant, now))
}

/** What was granted to this identity, or to whom an issuer names so. */
export async function selectGrantsOfIdentity(snapshot: Snapshot, spiffeId: string, now: number): Promise<RoleGrant[]> {
  const rows = await snapshot.selectFrom('role_grants').selectAll().where('identity', '=', spiffeId).execute()
  return rows.map(fromRow).filter((grant) => isInForce(grant, now))
}

function isInForce({ expiresAt }: RoleGrant, now: number): boolean {
  return expiresAt === undefined || expiresAt > now
}

async function selectRoleGrant(snapshot: Snapshot, id: string): Promise<RoleGrant | undefined> {
  const row = await snapshot.selectFrom('role_grants').selectAll().where('id', '=', id).executeTakeFirst()
  return row && fromRow(row)
}

function fromRow(row: RoleGrantRow): RoleGrant {
  return {
    id: row.id,
    createdAt: row.created_at,
    subject: toSubject(row.subject),
    role: row.role as RoleGrant['role'],
    prefix: row.prefix,
    parents: JSON.parse(row.parents) as string[],
    ...(row.federates_with !== null && { federatesWith: JSON.parse(row.federates_with) as string[] }),
    ...(row.dns_names !== null && { dnsNames: JSON.parse(row.dns_names) as string[] }),
    ...(row.max_ttl !== null && { maxTtl: row.max_ttl }),
    ...(row.expires_at !== null && { expiresAt: row.expires_at }),
  }
}

function toSubject(key: string): RoleSubject {
  const [kind, first, claim, value] = JSON.parse(key) as [string, ...string[]]
  if (kind === 'uid') return { uid: Number(first) }
  if (kind === 'spiffe') return { spiffeId: String(first) }
  return { issuer: String(first), claim: String(claim), value: String(value) }
}

function toJson(list: readonly string[] | undefined): string | null {
  return list === undefined ? null : JSON.stringify(list)
}
