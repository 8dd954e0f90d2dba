import type { NewRoleGrant, RoleGrant, RoleSubject } from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'
import { errorCode, parseTrustDomain, WorkloadId } from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import { isDnsName } from '../registration/dns-name.ts'
import { AGENT_PATH, RESERVED_PATH } from '../registration/entry-parent.ts'
import { noSuchGrant, type RoleGrantStore } from '../store/role-grant-store.ts'
import type { AdminAccess } from './admin-access.ts'
import { AdminError } from './admin-error.ts'
import type { HeldRole } from './held-role.ts'
import { covers, isPathPrefix } from './path-prefix.ts'
import { RoleError } from './role-error.ts'

/** What the configuration says of an issuer, as far as grants may refer to it. */
export interface GrantableIssuer {
  readonly issuer: string
  readonly claims: readonly string[]
}

export interface RoleGrantsOptions {
  readonly store: RoleGrantStore
  readonly audit: Audit
  readonly clock: Clock
  readonly newId: () => string
  readonly trustDomain: string
  readonly issuers: readonly GrantableIssuer[]
}

/** What the kernel shows for a user who does not exist in the server's user namespace, and "no user at all". */
const NOBODY_IN_PARTICULAR: ReadonlySet<number> = new Set([65_534, 4_294_967_295])

/** Gives and takes roles. Nobody gives what they do not have. */
export class RoleGrants {
  readonly #options: RoleGrantsOptions

  constructor(options: RoleGrantsOptions) {
    this.#options = options
  }

  /** Those that the administrator is an admin over. */
  async list(access: AdminAccess): Promise<RoleGrant[]> {
    return (await this.#options.store.list()).filter(({ prefix }) => isAdminOver(access, prefix))
  }

  /** @throws RoleError `ERR_ROLE_NOT_FOUND`, also for one that the administrator is no admin over */
  async get(id: string, access: AdminAccess): Promise<RoleGrant> {
    const grant = await this.#options.store.get(id)
    if (grant === undefined || !isAdminOver(access, grant.prefix)) throw noSuchGrant()
    return grant
  }

  /**
   * @throws RoleError `ERR_ROLE_SUBJECT`, `ERR_ROLE_PREFIX`, `ERR_ROLE_LIMITS`, `ERR_ROLE_EXPIRED`, `ERR_ROLE_EXISTS`
   * @throws AdminError `ERR_ADMIN_FORBIDDEN` for more than the administrator has
   */
  async create(fields: NewRoleGrant, access: AdminAccess): Promise<RoleGrant> {
    const { store, audit, newId, clock } = this.#options
    const identity = this.#validateSubject(fields.subject)
    validateScope(fields)
    if (fields.expiresAt !== undefined && fields.expiresAt <= clock.now()) {
      throw new RoleError('ERR_ROLE_EXPIRED', 'expiresAt is not in the future')
    }
    const grant = { ...fields, parents: fields.parents ?? [AGENT_PATH] }
    if (!isAdminOver(access, grant.prefix)) throw access.refusal('role.grant', 'admin', grant.prefix)
    if (!access.includes(toHeldRole(grant))) {
      throw new AdminError('ERR_ADMIN_FORBIDDEN', 'role.grant: the grant would allow more than your own role does')
    }
    const created = await store.create(newId(), grant, identity)
    audit.roleGranted(created)
    return created
  }

  /** @throws RoleError `ERR_ROLE_NOT_FOUND`, also for one that the administrator is no admin over */
  async revoke(id: string, access: AdminAccess): Promise<void> {
    await this.get(id, access)
    this.#options.audit.roleRevoked(await this.#options.store.delete(id))
  }

  /** @returns the SPIFFE ID that it is or names, if any */
  #validateSubject(subject: RoleSubject): string | undefined {
    if ('uid' in subject) {
      if (!NOBODY_IN_PARTICULAR.has(subject.uid)) return undefined
      throw new RoleError('ERR_ROLE_SUBJECT', 'subject: this uid is what the kernel shows for every unknown user')
    }
    if ('spiffeId' in subject) return requireWorkload(subject.spiffeId)
    const issuer = this.#options.issuers.find((each) => each.issuer === subject.issuer)
    if (issuer === undefined) {
      throw new RoleError('ERR_ROLE_SUBJECT', 'subject: this issuer is not in the "admin.oidc" of the server')
    }
    if (!issuer.claims.includes(subject.claim)) {
      throw new RoleError(
        'ERR_ROLE_SUBJECT',
        'subject: this claim is not in the "claims" of the issuer in "admin.oidc"',
      )
    }
    return subject.claim === 'sub' && isWorkload(subject.value) ? subject.value : undefined
  }
}

export function toHeldRole(grant: NewRoleGrant & Pick<RoleGrant, 'parents'>): HeldRole {
  const { role, prefix, parents, federatesWith = [], dnsNames = [], maxTtl } = grant
  return { role, prefix, limits: { parents, federatesWith, dnsNames, maxTtl } }
}

function isAdminOver(access: AdminAccess, prefix: string): boolean {
  return access.over(prefix, 'admin').length > 0
}

function requireWorkload(spiffeId: string): string {
  try {
    const id = WorkloadId.parse(spiffeId)
    if (id.scheme !== 'spiffe') throw new RoleError('ERR_ROLE_SUBJECT', 'subject: spiffeId is no SPIFFE ID')
    if (!covers(RESERVED_PATH, id.path)) return spiffeId
  } catch (cause) {
    if (cause instanceof RoleError || errorCode(cause) === undefined) throw cause
    throw new RoleError('ERR_ROLE_SUBJECT', `subject: spiffeId: ${(cause as Error).message}`, { cause })
  }
  throw new RoleError('ERR_ROLE_SUBJECT', `subject: programs below ${RESERVED_PATH} are servers and agents`)
}

function isWorkload(text: string): boolean {
  try {
    return WorkloadId.parse(text).scheme === 'spiffe'
  } catch {
    return false
  }
}

function validateScope({ prefix, parents = [], federatesWith = [], dnsNames = [] }: NewRoleGrant): void {
  if (!isPathPrefix(prefix)) {
    throw new RoleError('ERR_ROLE_PREFIX', 'prefix: expected "/" or a path such as /team-a, without a final slash')
  }
  if (!parents.every(isPathPrefix)) {
    throw new RoleError('ERR_ROLE_LIMITS', 'parents: expected paths such as /countersign/agent, without a final slash')
  }
  if (!federatesWith.every(isTrustDomain)) {
    throw new RoleError('ERR_ROLE_LIMITS', 'federatesWith: one is not the name of a trust domain')
  }
  if (!dnsNames.every(isDnsName)) throw new RoleError('ERR_ROLE_LIMITS', 'dnsNames: one is not a lower-case DNS name')
}

function isTrustDomain(text: string): boolean {
  try {
    return parseTrustDomain(text) === text
  } catch {
    return false
  }
}
