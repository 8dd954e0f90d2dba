/** The admin API: what operators ask of a server, over its Unix socket. */
import { type Static, Type } from 'typebox'
import { BundleDocument, Selector, Timestamp, TrustDomainBundle, TrustDomainName, WorkloadId } from './common.ts'
import { Entry } from './entry.ts'
import { Hold } from './recovery.ts'

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
    /** Each becomes a selector `join_token:<value>` of the node, for node aliases to name. */
    selectors: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 256, pattern: '^[^/\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]*$' }), {
        maxItems: 32,
        uniqueItems: true,
        description: 'values that do not begin with "/", which the selector of the agent path does',
      }),
    ),
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

/** SPIFFE Federation, section 5.2: how the endpoint proves itself, by Web PKI or by an X509-SVID. */
export const EndpointProfile = Type.Union([Type.Literal('https_web'), Type.Literal('https_spiffe')])
export type EndpointProfile = Static<typeof EndpointProfile>

const endpointFields = {
  bundleEndpointUrl: Type.String({ pattern: '^https://', maxLength: 2048 }),
  profile: EndpointProfile,
  /** `https_web` only: PEM roots to trust for the endpoint's certificate instead of the public Web PKI. */
  webRoots: Type.Optional(Type.String({ maxLength: 65_536 })),
  /** `https_spiffe` only, and required there: whose X509-SVID the endpoint must show. */
  endpointSpiffeId: Type.Optional(WorkloadId),
  /** `10.0.0.0/8` or `127.0.0.1`: addresses the endpoint may have besides those of the public Internet. */
  allowedAddresses: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 16 })),
}
const bootstrapBundle = {
  /** Trusted from the start and until the first fetch: what `https_spiffe` authenticates the first connection with. */
  bundle: Type.Optional(BundleDocument),
}

/**
 * `GET|POST /v1/federations`, `GET|PUT|DELETE /v1/federations/:trustDomain`,
 * `POST /v1/federations/:trustDomain/refresh`.
 */
export const NewFederation = Type.Object(
  { trustDomain: TrustDomainName, ...endpointFields, ...bootstrapBundle },
  { additionalProperties: false },
)
export type NewFederation = Static<typeof NewFederation>
/** What replaces the endpoint of a relationship, as a whole. The bundle stays, unless another is given. */
export const FederationChange = Type.Object({ ...endpointFields, ...bootstrapBundle }, { additionalProperties: false })
export type FederationChange = Static<typeof FederationChange>
export const Federation = Type.Object({
  trustDomain: TrustDomainName,
  ...endpointFields,
  bundleEndpointUrl: Type.String(),
  lastRefreshAt: Type.Optional(Timestamp),
  /** Of the newest attempt; absent when it went well. */
  lastError: Type.Optional(
    Type.Object({
      code: Type.String(),
      message: Type.String(),
      /** For the operator: the address that was refused, what the TLS library said. */
      detail: Type.Optional(Type.String()),
      at: Timestamp,
    }),
  ),
  /** Absent while an attempt is under way. */
  nextRefreshAt: Type.Optional(Timestamp),
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
  /** Why nothing is issued; absent when it is. */
  holds: Type.Optional(Type.Array(Hold)),
  listeners: Type.Object({
    machine: Type.String(),
    public: Type.String(),
    admin: Type.String(),
    /** The bundle endpoint of profile `https_spiffe`, when there is one. */
    spiffeBundle: Type.Optional(Type.String()),
  }),
})
export type ServerStatus = Static<typeof ServerStatus>
