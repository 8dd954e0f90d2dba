/** Signing authorities of a trust domain, as operators see and change them. */
import { type Static, Type } from 'typebox'
import { Timestamp, WorkloadId } from './common.ts'

/** `oauth`: of servers with a token service. */
export const AuthorityKind = Type.Union([
  Type.Literal('x509'),
  Type.Literal('jwt'),
  Type.Literal('wit'),
  Type.Literal('oauth'),
])
export type AuthorityKind = Static<typeof AuthorityKind>

/** How far the nodes have come with replacing what a tainted authority signed. */
export const TaintProgress = Type.Object({
  /** Nodes that can hold such credentials. */
  nodes: Type.Integer({ minimum: 0 }),
  /** Those that have not said yet that nothing is left. The first hundred. */
  waitingFor: Type.Array(WorkloadId, { maxItems: 100 }),
  waiting: Type.Integer({ minimum: 0 }),
  /** What nodes last said they still hold. */
  credentials: Type.Integer({ minimum: 0 }),
})
export type TaintProgress = Static<typeof TaintProgress>

/**
 * One signing key. `prepared`: published, not used yet. `active`: signs. `retired`: published until nothing it signed can
 * be valid. `revoked`: published no more.
 */
export const AuthorityView = Type.Object({
  id: Type.String(),
  kind: AuthorityKind,
  state: Type.Union([
    Type.Literal('prepared'),
    Type.Literal('active'),
    Type.Literal('retired'),
    Type.Literal('revoked'),
  ]),
  notBefore: Timestamp,
  notAfter: Timestamp,
  /** Of a prepared authority: when everyone knows it who asks at the refresh hint. */
  distributedAt: Type.Optional(Timestamp),
  taintedAt: Type.Optional(Timestamp),
  taint: Type.Optional(TaintProgress),
  revokedAt: Type.Optional(Timestamp),
})
export type AuthorityView = Static<typeof AuthorityView>

/** `GET /v1/authorities`. */
export const AuthorityList = Type.Object({ authorities: Type.Array(AuthorityView) })
export type AuthorityList = Static<typeof AuthorityList>

/** `POST /v1/authorities/prepare`. */
export const PrepareAuthority = Type.Object({ kind: AuthorityKind }, { additionalProperties: false })
export type PrepareAuthority = Static<typeof PrepareAuthority>

/** `POST /v1/authorities/activate|taint|revoke`. `force` goes on where waiting is only advised. */
export const AuthorityReference = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 64 }), force: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
)
export type AuthorityReference = Static<typeof AuthorityReference>
