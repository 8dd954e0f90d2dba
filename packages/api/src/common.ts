import { type Static, Type } from 'typebox'

/** One property of a process or node, as an attestor reports it: `{ type: "unix", value: "uid:1000" }`. */
export const Selector = Type.Object(
  {
    type: Type.String({ minLength: 1, maxLength: 64, pattern: '^[a-z0-9][a-z0-9_-]*$' }),
    value: Type.String({ minLength: 1, maxLength: 4096 }),
  },
  { additionalProperties: false },
)
export type Selector = Static<typeof Selector>

/** A public key as JSON (RFC 7517); verified member by member by the protocol library. */
export const PublicKey = Type.Record(Type.String({ maxLength: 32 }), Type.Unknown(), { maxProperties: 16 })
export type PublicKey = Static<typeof PublicKey>

/** DER in standard base64. */
export const Der = Type.String({ maxLength: 65_536, pattern: '^[A-Za-z0-9+/]*={0,2}$' })

/** Seconds since the Unix epoch. */
export const Timestamp = Type.Integer({ minimum: 0 })

export const WorkloadId = Type.String({ minLength: 1, maxLength: 2048 })
export const TrustDomainName = Type.String({ minLength: 1, maxLength: 255 })

/** SPIFFE bundle document (SPIFFE Trust Domain and Bundle, section 4) as parsed JSON. */
export const BundleDocument = Type.Object({
  keys: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  spiffe_sequence: Type.Optional(Type.Integer({ minimum: 0 })),
  spiffe_refresh_hint: Type.Optional(Type.Integer({ minimum: 0 })),
})
export type BundleDocument = Static<typeof BundleDocument>

/** A SPIFFE bundle and the trust domain it is for; the document itself never says. */
export const TrustDomainBundle = Type.Object({ trustDomain: TrustDomainName, bundle: BundleDocument })
export type TrustDomainBundle = Static<typeof TrustDomainBundle>

/** RFC 9457 problem document with this system's error code. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String(),
  detail: Type.Optional(Type.String()),
})
export type Problem = Static<typeof Problem>
