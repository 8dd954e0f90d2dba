import type { VerifiedWit, VerifiedX509Svid } from '@countersign/protocol'
import type { Confirmation, ProvenKeys } from '@countersign/protocol/exchange'
import type { ProvedAttestation } from './prove-attestation.ts'

/** What a request proves besides what it says: keys that its sender holds. Verified once, before anything else. */
export interface RequestProofs {
  readonly keys: ProvenKeys
  /** The key that the new token is to be bound to: of the DPoP proof, else the WIT, the attestation or the certificate. */
  readonly binding: Confirmation | undefined
  /** A WIT with a workload proof token or an HTTP message signature for this request. */
  readonly wit: VerifiedWit | undefined
  /** A client attestation, or a WIT-SVID in its place, whose key was proved. */
  readonly attestation: ProvedAttestation | undefined
  /** The X509-SVID of the connection. */
  readonly x509: VerifiedX509Svid | undefined
}
