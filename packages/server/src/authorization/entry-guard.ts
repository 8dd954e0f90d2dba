import type { Entry, NewEntry, Role } from '@countersign/api'
import { SERVER_PATH } from '../registration/entry-parent.ts'
import type { Snapshot } from '../store/store.ts'
import type { AdminAccess } from './admin-access.ts'
import { AdminError } from './admin-error.ts'
import { type HeldRole, isAllowedName, isUnlimited } from './held-role.ts'
import { covers, ownPathOf, WHOLE_DOMAIN } from './path-prefix.ts'

/** Asked inside the transaction that changes entries, so that nothing changes between question and deed. */
export interface EntryGuard {
  /** Below these lie all entries that may be listed; `undefined` for all. */
  readonly visible: readonly string[] | undefined
  /** Whether the caller may know of it. One that it may not know of is, for it, not there. */
  sees(entry: Pick<Entry, 'spiffeId'>): boolean
  /**
   * Whether an entry may be made, or one that is there be changed or deleted. A change asks for both of its states.
   *
   * @throws AdminError `ERR_ADMIN_FORBIDDEN`
   */
  requireWritable(snapshot: Snapshot, entry: NewEntry): Promise<void>
}

export interface EntryGuardOptions {
  readonly access: AdminAccess
  readonly trustDomain: string
  /** Of entries that name none. Seconds. */
  readonly defaultTtlSeconds: { readonly x509: number; readonly jwt: number; readonly wit: number }
  /** What roles an identity has, whoever gave it to it. */
  readonly rolesOf: (snapshot: Snapshot, spiffeId: string) => Promise<readonly HeldRole[]>
}

export function createEntryGuard(action: string, options: EntryGuardOptions): EntryGuard {
  const { access, rolesOf } = options
  return {
    visible: access.visible,
    sees: ({ spiffeId }) => access.sees(spiffeId),
    async requireWritable(snapshot, entry) {
      requireEntryAllowed(action, entry, options)
      // Whoever can register a program under an identity is that identity, with all that it may do.
      for (const held of await rolesOf(snapshot, entry.spiffeId)) {
        if (access.includes(held)) continue
        throw forbidden(`${action}: this identity has role "${held.role}" over "${held.prefix}", which needs as much`)
      }
    },
  }
}

function requireEntryAllowed(action: string, entry: NewEntry, options: EntryGuardOptions): void {
  const { access, trustDomain } = options
  const path = ownPathOf(entry.spiffeId, trustDomain)
  access.requireOver(action, 'registrar', path)
  // Both make a program able to speak for the whole trust domain.
  if (entry.admin === true) requireAdmin(access, action, '"admin"')
  if (entry.downstream === true) requireAdmin(access, action, '"downstream"')
  const roles = access.over(path, 'registrar')
  if (roles.some(isUnlimited)) return
  const refusals = roles.map((held) => refusalBy(held, entry, options))
  const [reason] = refusals
  // One role must allow all of it: two that allow half each were given for two purposes.
  if (!refusals.includes(undefined)) throw forbidden(`${action}: ${reason}`)
}

/** Why a role over the entry's identifier does not allow the rest of it. */
function refusalBy({ limits }: HeldRole, entry: NewEntry, options: EntryGuardOptions): string | undefined {
  const { trustDomain, defaultTtlSeconds } = options
  const parent = ownPathOf(entry.parentId, trustDomain)
  // An entry below the server says which nodes there are. That is for those who run them.
  if (parent === undefined || parent === SERVER_PATH || !limits.parents.some((prefix) => covers(prefix, parent))) {
    return 'parentId is none of the parents that this role may use'
  }
  const foreign = (entry.federatesWith ?? []).find((each) => !limits.federatesWith.includes(each))
  if (foreign !== undefined) return 'federatesWith names a trust domain that this role may not federate with'
  const name = (entry.dnsNames ?? []).find((each) => !isAllowedName(each, limits.dnsNames))
  if (name !== undefined) return 'dnsNames has a name that this role may not give'
  const longest = Math.max(
    entry.x509SvidTtl ?? defaultTtlSeconds.x509,
    entry.jwtSvidTtl ?? defaultTtlSeconds.jwt,
    entry.witTtl ?? defaultTtlSeconds.wit,
  )
  if (limits.maxTtl !== undefined && longest > limits.maxTtl) {
    return `a credential would live longer than the ${limits.maxTtl} seconds of this role; set x509SvidTtl, jwtSvidTtl and witTtl`
  }
  return undefined
}

function requireAdmin(access: AdminAccess, action: string, what: string): void {
  const least: Role = 'admin'
  access.requireOver(`${action} with ${what}`, least, WHOLE_DOMAIN)
}

function forbidden(message: string): AdminError {
  return new AdminError('ERR_ADMIN_FORBIDDEN', message)
}
