import { AuthenticityError } from '@countersign/protocol'

export type AttestationErrorCode =
  | 'ERR_ATTESTATION_EVIDENCE_MALFORMED'
  | 'ERR_ATTESTATION_REFUSED'
  | 'ERR_ATTESTATION_TOKEN_UNKNOWN'
  | 'ERR_ATTESTATION_NOT_POSSIBLE'
  | 'ERR_ATTESTATION_PROCESS_GONE'
  | 'ERR_ATTESTATION_TOO_LARGE'

/** A node or program could not be attested. */
export class AttestationError extends AuthenticityError<AttestationErrorCode> {}
