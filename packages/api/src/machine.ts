/** The machine API: what agents ask of a server, over HTTPS. All but `attest` need the agent's X509-SVID. */
import { type Static, Type } from 'typebox'
import { Der, PublicKey, Timestamp, TrustDomainBundle, TrustDomainName, WorkloadId } from './common.ts'
import { Entry } from './entry.ts'

/** A leaf and its intermediates, leaf first, without the root. */
export const X509Credential = Type.Object({
  spiffeId: WorkloadId,
  chain: Type.Array(Der, { minItems: 1, maxItems: 8 }),
  expiresAt: Timestamp,
})
export type X509Credential = Static<typeof X509Credential>

/** `POST /v1/agent/attest`: the node proves where it runs and names the key of its own identity. */
export const AttestRequest = Type.Object(
  {
    attestor: Type.String({ minLength: 1, maxLength: 64 }),
    /** What the attestor's agent half gathered. Its server half alone knows the shape. */
    evidence: Type.Unknown(),
    publicKey: PublicKey,
  },
  { additionalProperties: false },
)
export type AttestRequest = Static<typeof AttestRequest>

/** Answer to `attest` and to `POST /v1/agent/renew`. `bundle` is the server's own trust domain. */
export const AgentCredential = Type.Object({ credential: X509Credential, bundle: TrustDomainBundle })
export type AgentCredential = Static<typeof AgentCredential>

export const RenewRequest = Type.Object({ publicKey: PublicKey }, { additionalProperties: false })
export type RenewRequest = Static<typeof RenewRequest>

/** An authority that is still trusted, and whose key should not be: as its JWK stands in the bundle. */
export const TaintedAuthority = Type.Object({
  authorityId: Type.String(),
  key: Type.Record(Type.String(), Type.Unknown()),
})
export type TaintedAuthority = Static<typeof TaintedAuthority>

/** A certificate revocation list of at most 1 MiB, DER in standard base64. */
const Crl = Type.String({ maxLength: 1_398_104, pattern: '^[A-Za-z0-9+/]*={0,2}$' })

const Revision = Type.Integer({ minimum: 0 })
/** What `syncDigest` makes of a state. */
const Digest = Type.String({ maxLength: 64 })

/** Node aliases that stand for the calling agent: it also gets the entries below these. */
const Aliases = Type.Array(WorkloadId)
/** Authorities of the own trust domain whose credentials are to be replaced at once. */
const Tainted = Type.Array(TaintedAuthority)
/** What the own trust domain has revoked: a certificate revocation list of each of its X.509 authorities. */
const Crls = Type.Array(Crl)
/** Those of the own trust domain's authorities that are no roots, and what is above them: they sign lists too. */
const Intermediates = Type.Array(Der)

/** `GET /v1/agent/sync`, and the data of a `sync` event: all an agent may know, as of one revision. */
export const SyncState = Type.Object({
  revision: Revision,
  trustDomain: TrustDomainName,
  aliases: Type.Optional(Aliases),
  entries: Type.Array(Entry),
  /** Own trust domain first, then every federated one that some entry names and that the server knows. */
  bundles: Type.Array(TrustDomainBundle),
  tainted: Type.Optional(Tainted),
  crls: Type.Optional(Crls),
  intermediates: Type.Optional(Intermediates),
  digest: Type.Optional(Digest),
})
export type SyncState = Static<typeof SyncState>

/**
 * Data of a `change` event: what makes the state of revision `after` that of `revision`. A member that is absent says that
 * nothing of its kind has changed.
 */
export const SyncChange = Type.Object({
  after: Revision,
  revision: Revision,
  /** The whole list. Entries below an alias that is no longer in it are to be dropped. */
  aliases: Type.Optional(Aliases),
  /** New and changed ones. */
  entries: Type.Optional(Type.Array(Entry)),
  /** Ids of entries to drop, whether or not the agent has them. */
  removed: Type.Optional(Type.Array(Type.String({ maxLength: 64 }))),
  /** Whose bundles the agent is to have now, in this order: those of `bundles`, and otherwise those it has. */
  trustDomains: Type.Optional(Type.Array(TrustDomainName)),
  /** New and changed ones. */
  bundles: Type.Optional(Type.Array(TrustDomainBundle)),
  tainted: Type.Optional(Tainted),
  crls: Type.Optional(Crls),
  intermediates: Type.Optional(Intermediates),
  /** Of the state that comes of it. An agent that finds another has missed something, and asks for all. */
  digest: Digest,
})
export type SyncChange = Static<typeof SyncChange>

/** Data of a `current` event: what the agent has is still the newest. Sent at least every 15 seconds. */
export const SyncMark = Type.Object({ revision: Revision, digest: Digest })
export type SyncMark = Static<typeof SyncMark>

/**
 * Query of `GET /v1/agent/events` (server-sent events `sync`, `change`, `current`): what the agent has. The first event
 * comes at once: `current` when that is still the newest, else `change` or, when the server no longer knows what has
 * changed since, `sync`. Without a query it is `sync`.
 */
export const SyncQuery = Type.Object(
  {
    /** Decimal. */
    after: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })),
    digest: Type.Optional(Digest),
  },
  { additionalProperties: false },
)
export type SyncQuery = Static<typeof SyncQuery>

/** `POST /v1/agent/x509-svids`. Each entry must belong to the calling agent. */
export const X509SvidRequest = Type.Object(
  {
    requests: Type.Array(
      Type.Object({ entryId: Type.String({ maxLength: 64 }), publicKey: PublicKey }, { additionalProperties: false }),
      {
        minItems: 1,
        maxItems: 64,
      },
    ),
  },
  { additionalProperties: false },
)
export type X509SvidRequest = Static<typeof X509SvidRequest>
export const X509SvidResponse = Type.Object({
  svids: Type.Array(Type.Object({ entryId: Type.String(), credential: X509Credential })),
})
export type X509SvidResponse = Static<typeof X509SvidResponse>

/** `POST /v1/agent/wit-svids`. The public key becomes `cnf.jwk` and must carry `alg`. */
export const WitSvidRequest = X509SvidRequest
export type WitSvidRequest = Static<typeof WitSvidRequest>
export const Token = Type.Object({
  spiffeId: WorkloadId,
  token: Type.String(),
  issuedAt: Timestamp,
  expiresAt: Timestamp,
})
export type Token = Static<typeof Token>
export const WitSvidResponse = Type.Object({ svids: Type.Array(Type.Object({ entryId: Type.String(), wit: Token })) })
export type WitSvidResponse = Static<typeof WitSvidResponse>

/** `POST /v1/agent/jwt-svids`: one JWT-SVID for one entry and a list of audiences. */
export const JwtSvidRequest = Type.Object(
  {
    entryId: Type.String({ maxLength: 64 }),
    audience: Type.Array(Type.String({ minLength: 1, maxLength: 2048 }), { minItems: 1, maxItems: 16 }),
  },
  { additionalProperties: false },
)
export type JwtSvidRequest = Static<typeof JwtSvidRequest>
export const JwtSvidResponse = Type.Object({ jwt: Token })
export type JwtSvidResponse = Static<typeof JwtSvidResponse>

/** `GET /v1/downstream/bundle`: what a server below this one must believe, and what it must use no more. */
export const DownstreamBundle = Type.Object({
  /** The trust domain's, as everyone has it. */
  bundle: TrustDomainBundle,
  /** X.509 authorities whose credentials are to be replaced, roots and CAs below them. */
  taintedX509: Type.Array(Der),
})
export type DownstreamBundle = Static<typeof DownstreamBundle>

/** `POST /v1/downstream/ca`: a server below this one wants its own CA signed. Only the key of the request counts. */
export const DownstreamCaRequest = Type.Object(
  {
    /** PKCS #10. */
    csr: Der,
    /** Seconds; the answer may say less. */
    ttl: Type.Integer({ minimum: 1, maximum: 3650 * 86_400 }),
  },
  { additionalProperties: false },
)
export type DownstreamCaRequest = Static<typeof DownstreamCaRequest>
export const DownstreamCa = Type.Object({
  /** The new CA's certificate and those above it, without the root. */
  chain: Type.Array(Der, { minItems: 1, maxItems: 8 }),
  bundle: DownstreamBundle,
})
export type DownstreamCa = Static<typeof DownstreamCa>

/**
 * `PUT /v1/downstream/keys`: all keys with which the calling server, and those below it, sign tokens. One that it named before
 * and names no more is withdrawn.
 */
export const DownstreamKeys = Type.Object(
  {
    keys: Type.Array(
      Type.Object(
        {
          use: Type.Union([Type.Literal('jwt-svid'), Type.Literal('wit-svid')]),
          /** With `kid` and `alg`. */
          key: PublicKey,
          /** When the last that it signed ends. */
          notAfter: Timestamp,
        },
        { additionalProperties: false },
      ),
      { maxItems: 64 },
    ),
  },
  { additionalProperties: false },
)
export type DownstreamKeys = Static<typeof DownstreamKeys>

/** `POST /v1/agent/tainted`: how many credentials of tainted keys the agent holds still, its own identity included. */
export const TaintReport = Type.Object(
  {
    holding: Type.Array(
      Type.Object(
        { authorityId: Type.String({ minLength: 1, maxLength: 64 }), credentials: Type.Integer({ minimum: 0 }) },
        { additionalProperties: false },
      ),
      { maxItems: 64 },
    ),
  },
  { additionalProperties: false },
)
export type TaintReport = Static<typeof TaintReport>
