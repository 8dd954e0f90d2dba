/** What an artefact says about itself. Nothing of it is verified. */
export interface Inspection {
  /** Stable name of the kind, for programs. */
  readonly kind: InspectedKind
  /** The kind in words, for people. */
  readonly title: string
  readonly parts: readonly InspectedPart[]
  /** What a careful reader would object to. */
  readonly warnings: readonly string[]
}

export type InspectedKind =
  | 'wit'
  | 'wpt'
  | 'jwt-svid'
  | 'txn-token'
  | 'access-token'
  | 'id-token'
  | 'dpop-proof'
  | 'client-attestation'
  | 'client-attestation-pop'
  | 'jwt'
  | 'certificate'
  | 'public-key'
  | 'jwk'
  | 'jwk-set'
  | 'spiffe-bundle'
  | 'bundle-map'

/** A header, a set of claims, a certificate, a key. */
export interface InspectedPart {
  readonly title: string
  readonly fields: readonly InspectedField[]
}

export interface InspectedField {
  readonly name: string
  /** As decoded, with private key material replaced. */
  readonly value: unknown
  /** What it means, in words. */
  readonly note?: string
}

export function field(name: string, value: unknown, note?: string): InspectedField {
  return note === undefined ? { name, value } : { name, value, note }
}
