/** The admin API: what operators ask of a server, over its Unix socket. */
import { type Static, Type } from 'typebox'
import { Selector, Timestamp, TrustDomainBundle, TrustDomainName, WorkloadId } from './common.ts'
import { Entry } from './entry.ts'

/** `GET /v1/entries` (query: `spiffeId`, `parentId`); `POST`, `GET|PATCH|DELETE /v1/entries/:id`. */
export const EntryList = Type.Object({ entries: Type.Array(Entry), revision: Type.Integer({ minimum: 0 }) })
export type EntryList = Static<typeof EntryList>

/** `GET /v1/nodes`; `POST /v1/nodes/ban|evict` with `{ agentId }`. */
export const Node = Type.Object({
  agentId: WorkloadId,
  attestor: Type.String(),
  selectors: Type.Array(Selector),
  attestedAt: Timestamp,
  /** End of the node's current X509-SVID. */
  expiresAt: Timestamp,
  bannedAt: Type.Optional(Timestamp),
})
export type Node = Static<typeof Node>
export const NodeList = Type.Object({ nodes: Type.Array(Node) })
export type NodeList = Static<typeof NodeList>
export const NodeReference = Type.Object({ agentId: WorkloadId }, { additionalProperties: false })
export type NodeReference = Static<typeof NodeReference>

/** `POST /v1/join-tokens`. Without `agentPath` the agent's identifier is derived from the token's hash. */
export const NewJoinToken = Type.Object(
  {
    ttl: Type.Optional(Type.Integer({ minimum: 1, maximum: 604_800, description: 'seconds, default 600' })),
    agentPath: Type.Optional(Type.String({ pattern: '^/', maxLength: 1024, description: 'below /countersign/agent' })),
  },
  { additionalProperties: false },
)
export type NewJoinToken = Static<typeof NewJoinToken>
/** The only time the token itself is ever shown; the server stores its hash. */
export const JoinToken = Type.Object({ token: Type.String(), agentId: WorkloadId, expiresAt: Timestamp })
export type JoinToken = Static<typeof JoinToken>

/** `GET /v1/bundles`; `GET /v1/bundles/:trustDomain`; `PUT /v1/bundles/:trustDomain` with a bundle document. */
export const BundleList = Type.Object({ bundles: Type.Array(TrustDomainBundle) })
export type BundleList = Static<typeof BundleList>

/** `GET|POST /v1/federations`, `DELETE /v1/federations/:trustDomain`, `POST /v1/federations/:trustDomain/refresh`. */
export const NewFederation = Type.Object(
  {
    trustDomain: TrustDomainName,
    bundleEndpointUrl: Type.String({ pattern: '^https://', maxLength: 2048 }),
    profile: Type.Literal('https_web'),
    /** PEM roots to trust for the endpoint's certificate instead of the public Web PKI. */
    webRoots: Type.Optional(Type.String({ maxLength: 65_536 })),
  },
  { additionalProperties: false },
)
export type NewFederation = Static<typeof NewFederation>
export const Federation = Type.Object({
  trustDomain: TrustDomainName,
  bundleEndpointUrl: Type.String(),
  profile: Type.Literal('https_web'),
  webRoots: Type.Optional(Type.String()),
  lastRefreshAt: Type.Optional(Timestamp),
  lastError: Type.Optional(Type.Object({ code: Type.String(), message: Type.String(), at: Timestamp })),
  sequence: Type.Optional(Type.Integer()),
})
export type Federation = Static<typeof Federation>
export const FederationList = Type.Object({ federations: Type.Array(Federation) })
export type FederationList = Static<typeof FederationList>

/** `GET /v1/status`. */
export const ServerStatus = Type.Object({
  trustDomain: TrustDomainName,
  version: Type.String(),
  revision: Type.Integer({ minimum: 0 }),
  startedAt: Timestamp,
  listeners: Type.Object({ machine: Type.String(), public: Type.String(), admin: Type.String() }),
})
export type ServerStatus = Static<typeof ServerStatus>
