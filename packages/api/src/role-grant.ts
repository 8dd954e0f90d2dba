/** Roles of administrators: who may do what to which part of a trust domain. */
import { type Static, Type } from 'typebox'
import { Timestamp, TrustDomainName, WorkloadId } from './common.ts'

/** From least to most; each may do what those before it may. */
export const ROLES = ['viewer', 'registrar', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]
export const Role = Type.Union([
  Type.Literal('viewer'),
  Type.Literal('registrar'),
  Type.Literal('operator'),
  Type.Literal('admin'),
])

/** `/` for a whole trust domain, `/team-a` for that identifier and all below it, never `/team-ab`. */
export const PathPrefix = Type.String({ pattern: '^/', maxLength: 2048 })

/** Who connects to the admin socket, as the kernel says it. */
const UidSubject = Type.Object(
  { uid: Type.Integer({ minimum: 0, maximum: 4_294_967_295 }) },
  { additionalProperties: false },
)
/** A program by its exact SPIFFE ID, of this trust domain or of one that is federated with. */
const WorkloadSubject = Type.Object({ spiffeId: WorkloadId }, { additionalProperties: false })
/** Whom a configured OpenID Connect issuer vouches for: those whose tokens have the value in the claim. */
const OidcSubject = Type.Object(
  {
    issuer: Type.String({ minLength: 1, maxLength: 2048 }),
    claim: Type.String({ minLength: 1, maxLength: 64, description: '`sub`, or a claim that the configuration allows' }),
    value: Type.String({ minLength: 1, maxLength: 255 }),
  },
  { additionalProperties: false },
)
export const RoleSubject = Type.Union([UidSubject, WorkloadSubject, OidcSubject])
export type RoleSubject = Static<typeof RoleSubject>

const grantFields = {
  subject: RoleSubject,
  role: Role,
  prefix: PathPrefix,
  /** Which nodes, and aliases of nodes, entries may name as their parent. Default: all agents. */
  parents: Type.Optional(Type.Array(PathPrefix, { minItems: 1, maxItems: 64 })),
  /** Which trust domains entries may federate with. Default: none. */
  federatesWith: Type.Optional(Type.Array(TrustDomainName, { maxItems: 64 })),
  /** DNS names that entries may carry, each with all names below it. Default: none. */
  dnsNames: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 253 }), { maxItems: 64 })),
  /** Longest lifetime of a credential that an entry may ask for or get by default. Seconds. */
  maxTtl: Type.Optional(Type.Integer({ minimum: 1, maximum: 31_536_000 })),
  expiresAt: Type.Optional(Timestamp),
}

/**
 * `GET|POST /v1/role-grants`, `GET|DELETE /v1/role-grants/:id`. A grant is never changed: it is revoked and another made.
 * `parents` to `maxTtl` say nothing for an operator or admin of the whole trust domain.
 */
export const NewRoleGrant = Type.Object(grantFields, { additionalProperties: false })
export type NewRoleGrant = Static<typeof NewRoleGrant>
export const RoleGrant = Type.Object({
  id: Type.String(),
  createdAt: Timestamp,
  ...grantFields,
  parents: Type.Array(PathPrefix),
})
export type RoleGrant = Static<typeof RoleGrant>
export const RoleGrantList = Type.Object({ grants: Type.Array(RoleGrant) })
export type RoleGrantList = Static<typeof RoleGrantList>
