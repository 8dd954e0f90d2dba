/** Signing authorities of a trust domain, as operators see and change them. */
import { type Static, Type } from 'typebox'
import { Der, Timestamp, WorkloadId } from './common.ts'

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

/** A certificate above a trust domain's own, as people compare them. */
export const RootView = Type.Object({
  /** SHA-256 of the certificate: hexadecimal pairs, separated by colons. */
  fingerprint: Type.String(),
  subject: Type.String(),
})
export type RootView = Static<typeof RootView>

/**
 * One signing key. `requested`: waits for a certificate, published nowhere. `prepared`: published, not used yet. `active`: signs. `retired`: published until nothing it signed can
 * be valid. `revoked`: published no more.
 */
export const AuthorityView = Type.Object({
  id: Type.String(),
  kind: AuthorityKind,
  state: Type.Union([
    Type.Literal('requested'),
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
  /** The root above a certificate authority that was signed from above. */
  root: Type.Optional(RootView),
})
export type AuthorityView = Static<typeof AuthorityView>

/** How an upstream that signs the certificate authorities has done lately. */
export const UpstreamView = Type.Object({
  /** Of the plugin. */
  name: Type.String(),
  lastSuccessAt: Type.Optional(Timestamp),
  lastError: Type.Optional(Type.Object({ code: Type.String(), message: Type.String(), since: Timestamp })),
})
export type UpstreamView = Static<typeof UpstreamView>

/** `GET /v1/authorities`. */
export const AuthorityList = Type.Object({
  authorities: Type.Array(AuthorityView),
  upstream: Type.Optional(UpstreamView),
})
export type AuthorityList = Static<typeof AuthorityList>

/** `POST /v1/authorities/prepare`. */
export const PrepareAuthority = Type.Object({ kind: AuthorityKind }, { additionalProperties: false })
export type PrepareAuthority = Static<typeof PrepareAuthority>

/** Answer to `POST /v1/authorities/request`: a certificate authority's key, to be signed by hand. */
export const AuthorityRequestView = Type.Object({ authority: AuthorityView, csr: Der })
export type AuthorityRequestView = Static<typeof AuthorityRequestView>

/** `POST /v1/authorities/import`: what came of a request. `chain` begins with the authority's own certificate. */
export const ImportAuthority = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 64 }),
    chain: Type.Array(Der, { minItems: 1, maxItems: 8 }),
    root: Type.Optional(Der),
  },
  { additionalProperties: false },
)
export type ImportAuthority = Static<typeof ImportAuthority>

/** `POST /v1/authorities/activate|taint|revoke`. `force` goes on where waiting is only advised. */
export const AuthorityReference = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 64 }), force: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
)
export type AuthorityReference = Static<typeof AuthorityReference>
