import {
  AuthenticityError,
  CredentialError,
  type CredentialErrorCode,
  ProofError,
  type ProofErrorCode,
  RequestError,
  type RequestErrorCode,
} from '@countersign/protocol'

/** `error` of a challenge; none for a request without a token. RFC 6750 section 3.1, RFC 9449 section 7.1 */
export type ChallengeError = 'invalid_request' | 'invalid_token' | 'invalid_dpop_proof' | 'use_dpop_nonce'

type Cause = CredentialError | ProofError | RequestError

/** An access token, or the proof that goes with it, that is not believed. It has a challenge, so the answer is 401. */
export class AccessTokenError extends AuthenticityError<CredentialErrorCode | ProofErrorCode | RequestErrorCode> {
  readonly error: ChallengeError | undefined
  /** As the token was shown; `undefined` when there was none that could be read. */
  readonly scheme: 'Bearer' | 'DPoP' | undefined

  constructor(cause: Cause, error: ChallengeError | undefined, scheme: AccessTokenError['scheme']) {
    super(cause.code, cause.message, { cause, ...(cause.detail === undefined ? {} : { detail: cause.detail }) })
    this.error = error
    this.scheme = scheme
  }

  /** RFC 6750 section 3.1. */
  get status(): 400 | 401 {
    return this.error === 'invalid_request' ? 400 : 401
  }
}

/** Whether the proof was used before cannot be told: that says nothing of the request. */
const UNDECIDED: ReadonlySet<string> = new Set(['ERR_PROOF_REPLAY_MEMORY_FULL', 'ERR_PROOF_REPLAY_MEMORY_AWAY'])

/** What was thrown on the way, as the client is told of it. What is not about the request stays as it is. */
export function asAccessTokenError(thrown: unknown, scheme: AccessTokenError['scheme']): unknown {
  if (thrown instanceof CredentialError) return new AccessTokenError(thrown, 'invalid_token', scheme)
  if (thrown instanceof RequestError) return new AccessTokenError(thrown, 'invalid_request', scheme)
  if (!(thrown instanceof ProofError) || UNDECIDED.has(thrown.code)) return thrown
  const isNonce = thrown.code === 'ERR_PROOF_NONCE'
  return new AccessTokenError(thrown, isNonce ? 'use_dpop_nonce' : 'invalid_dpop_proof', scheme)
}

/** RFC 6750 section 3.1: who brought nothing is told what to bring, and of no error. */
export function missingAccessToken(): AccessTokenError {
  const cause = new CredentialError('ERR_CREDENTIAL_MISSING', 'request has no access token')
  return new AccessTokenError(cause, undefined, undefined)
}
