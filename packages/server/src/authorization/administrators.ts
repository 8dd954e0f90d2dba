import type { RoleSubject } from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'
import { selectGrantsOfIdentity, selectGrantsTo } from '../store/role-grant-store.ts'
import type { Snapshot, Store } from '../store/store.ts'
import { AdminAccess } from './admin-access.ts'
import { FULL_ADMIN, type HeldRole } from './held-role.ts'
import { toHeldRole } from './role-grants.ts'

/** Who calls, as far as it was proved. */
export interface AdminCaller {
  /** For the log: `uid:1000`, a SPIFFE ID, an issuer and its subject. */
  readonly name: string
  /** All that grants may refer to. */
  readonly subjects: readonly RoleSubject[]
  /** Root, or the server's own user: both could read its keys and write its store. */
  readonly isOwner: boolean
}

export interface AdministratorsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly trustDomain: string
}

/** Finds out what callers may do, anew for each call: a role that was revoked is gone with the next one. */
export class Administrators {
  readonly #options: AdministratorsOptions

  constructor(options: AdministratorsOptions) {
    this.#options = options
  }

  accessOf(caller: AdminCaller): Promise<AdminAccess> {
    const { store, clock, trustDomain } = this.#options
    return store.read(async (snapshot) => {
      const held: HeldRole[] = caller.isOwner ? [FULL_ADMIN] : []
      const now = clock.now()
      for (const grant of await selectGrantsTo(snapshot, caller.subjects, now)) held.push(toHeldRole(grant))
      for (const subject of caller.subjects) {
        if ('spiffeId' in subject) held.push(...(await selectEntryRoles(snapshot, subject.spiffeId, 'admin', now)))
      }
      return new AdminAccess(caller.name, held, trustDomain)
    })
  }

  /**
   * What an identity may do, or an entry with it: grants, and what its entries say. An entry that is over counts while
   * it is there, for a certificate may outlast it.
   */
  async rolesOf(snapshot: Snapshot, spiffeId: string): Promise<readonly HeldRole[]> {
    const grants = await selectGrantsOfIdentity(snapshot, spiffeId, this.#options.clock.now())
    return [
      ...grants.map(toHeldRole),
      ...(await selectEntryRoles(snapshot, spiffeId, 'admin')),
      ...(await selectEntryRoles(snapshot, spiffeId, 'downstream')),
    ]
  }
}

/** `admin` makes a program admin of everything, as SPIRE has it; `downstream` lets it sign for everybody. */
async function selectEntryRoles(
  snapshot: Snapshot,
  spiffeId: string,
  flag: 'admin' | 'downstream',
  now?: number,
): Promise<readonly HeldRole[]> {
  const rows = await snapshot
    .selectFrom('entries')
    .select('expires_at')
    .where('spiffe_id', '=', spiffeId)
    .where(flag, '=', 1)
    .execute()
  const counts = rows.some(({ expires_at: end }) => now === undefined || end === null || end > now)
  return counts ? [FULL_ADMIN] : []
}
