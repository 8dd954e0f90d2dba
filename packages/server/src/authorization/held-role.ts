import { ROLES, type Role } from '@countersign/api'
import { covers, WHOLE_DOMAIN } from './path-prefix.ts'

/** What entries may say that are written by virtue of a role. */
export interface EntryLimits {
  /** Path prefixes of parents: nodes, and aliases of nodes. */
  readonly parents: readonly string[]
  readonly federatesWith: readonly string[]
  /** Each stands for itself and all names below it. */
  readonly dnsNames: readonly string[]
  /** Seconds. */
  readonly maxTtl?: number | undefined
}

/** A role that somebody has, and over what. */
export interface HeldRole {
  readonly role: Role
  readonly prefix: string
  readonly limits: EntryLimits
}

const NOTHING: EntryLimits = { parents: [], federatesWith: [], dnsNames: [] }

/** Of whom the server believes everything: its own user, root, and programs whose entry says `admin`. */
export const FULL_ADMIN: HeldRole = { role: 'admin', prefix: WHOLE_DOMAIN, limits: NOTHING }

export function isAtLeast(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least)
}

/** Whoever runs the whole trust domain is not held to what a team may say. */
export function isUnlimited({ role, prefix }: HeldRole): boolean {
  return prefix === WHOLE_DOMAIN && isAtLeast(role, 'operator')
}

/** Whether one role allows everything that the other does. */
export function includes(one: HeldRole, other: HeldRole): boolean {
  if (!isAtLeast(one.role, other.role) || !covers(one.prefix, other.prefix)) return false
  return isUnlimited(one) || limitsInclude(one.limits, other.limits)
}

function limitsInclude(one: EntryLimits, other: EntryLimits): boolean {
  return (
    other.parents.every((parent) => one.parents.some((prefix) => covers(prefix, parent))) &&
    other.federatesWith.every((trustDomain) => one.federatesWith.includes(trustDomain)) &&
    other.dnsNames.every((name) => isAllowedName(name, one.dnsNames)) &&
    (one.maxTtl === undefined || (other.maxTtl !== undefined && other.maxTtl <= one.maxTtl))
  )
}

/** `web.team-a.example` is below `team-a.example`; `not-team-a.example` is not. */
export function isAllowedName(name: string, allowed: readonly string[]): boolean {
  return allowed.some((each) => name === each || name.endsWith(`.${each}`))
}
