import { AuthenticityError } from '../errors/workload-identity-error.ts'

export type ProofErrorCode =
  | 'ERR_PROOF_MISSING'
  | 'ERR_PROOF_MULTIPLE'
  | 'ERR_PROOF_TOO_LARGE'
  | 'ERR_PROOF_MALFORMED'
  | 'ERR_PROOF_TYPE'
  | 'ERR_PROOF_ALGORITHM'
  | 'ERR_PROOF_SIGNATURE'
  | 'ERR_PROOF_AUDIENCE'
  | 'ERR_PROOF_EXPIRED'
  | 'ERR_PROOF_NOT_YET_VALID'
  | 'ERR_PROOF_LIFETIME'
  | 'ERR_PROOF_CREDENTIAL_MISMATCH'
  | 'ERR_PROOF_ID'
  | 'ERR_PROOF_REPLAYED'
  | 'ERR_PROOF_REPLAY_MEMORY_FULL'
  | 'ERR_PROOF_REPLAY_MEMORY_AWAY'
  | 'ERR_PROOF_ACCESS_TOKEN'
  | 'ERR_PROOF_TXN_TOKEN'
  | 'ERR_PROOF_OTHER_TOKEN'

/** A proof of possession that does not prove what it must, for this request. */
export class ProofError extends AuthenticityError<ProofErrorCode> {}
