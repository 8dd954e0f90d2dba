import type { Role } from '@countersign/api'
import { AdminError } from './admin-error.ts'
import { type HeldRole, includes, isAtLeast } from './held-role.ts'
import { covers, ownPathOf, WHOLE_DOMAIN } from './path-prefix.ts'

/** What one administrator may do. The only place that answers it. */
export class AdminAccess {
  /** Who it is, for the log: no token, nothing secret. */
  readonly subject: string
  readonly #trustDomain: string
  readonly #held: readonly HeldRole[]
  #hasRefused = false

  constructor(subject: string, held: readonly HeldRole[], trustDomain: string) {
    this.subject = subject
    this.#held = held
    this.#trustDomain = trustDomain
  }

  /** Whether something was asked for since that no role reaches. */
  get hasRefused(): boolean {
    return this.#hasRefused
  }

  /** Whether there is such a role over anything at all. */
  hasAnywhere(role: Role): boolean {
    return this.#held.some((held) => isAtLeast(held.role, role))
  }

  /** The roles that are at least this one and reach this path. */
  over(path: string | undefined, role: Role): readonly HeldRole[] {
    const found = this.#held.filter(
      (held) => path !== undefined && isAtLeast(held.role, role) && covers(held.prefix, path),
    )
    if (found.length === 0) this.#hasRefused = true
    return found
  }

  /** Whether an identifier of this trust domain may be known to the administrator. */
  sees(identifier: string): boolean {
    return this.over(ownPathOf(identifier, this.#trustDomain), 'viewer').length > 0
  }

  /** Below these lie all identifiers that may be known to the administrator; `undefined` when that is all there are. */
  get visible(): readonly string[] | undefined {
    const prefixes = this.#held.map(({ prefix }) => prefix)
    if (prefixes.includes(WHOLE_DOMAIN)) return undefined
    return prefixes.map((prefix) => `spiffe://${this.#trustDomain}${prefix}`)
  }

  /** @throws AdminError `ERR_ADMIN_NO_ROLE`, `ERR_ADMIN_FORBIDDEN` */
  requireAnywhere(action: string, role: Role): void {
    if (!this.hasAnywhere(role)) throw this.refusal(action, role)
  }

  /** @throws AdminError `ERR_ADMIN_NO_ROLE`, `ERR_ADMIN_FORBIDDEN` */
  requireOver(action: string, role: Role, path: string | undefined): void {
    if (this.over(path, role).length === 0) throw this.refusal(action, role, path)
  }

  /** Whether all that somebody else holds is held here too. Nobody makes anybody more than they are. */
  includes(other: HeldRole): boolean {
    return this.#held.some((held) => includes(held, other))
  }

  refusal(action: string, role: Role, path?: string): AdminError {
    const over = path === undefined ? '' : ` over "${path}"`
    const needs = `${action} needs role "${role}"${over}`
    return this.#held.length === 0
      ? new AdminError('ERR_ADMIN_NO_ROLE', `${needs}, and this identity has no role at all`)
      : new AdminError('ERR_ADMIN_FORBIDDEN', needs)
  }
}
