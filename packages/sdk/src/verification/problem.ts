import { AuthenticityError, PolicyError, type WorkloadIdentityError } from '@countersign/protocol'
import { SdkError } from '../sdk-error.ts'
import { AccessTokenError } from './access-token-error.ts'
import type { Answer } from './answer.ts'
import { BearerTokenError } from './bearer-token-error.ts'

/** RFC 9457 problem document about a refused request. Says which check failed; never what the token held. */
export interface ProblemDocument {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** Says nothing of the error: it may be about anything. */
const INTERNAL_ERROR: ProblemDocument = {
  type: 'about:blank',
  title: 'Internal Server Error',
  status: 500,
  code: 'ERR_INTERNAL',
}

/** The service cannot tell right now; the request may be all right. */
const UNAVAILABLE: ReadonlySet<string> = new Set([
  'ERR_PROOF_REPLAY_MEMORY_FULL',
  'ERR_PROOF_REPLAY_MEMORY_AWAY',
  'ERR_SIGNATURE_REPLAY_MEMORY_FULL',
  'ERR_SIGNATURE_REPLAY_MEMORY_AWAY',
])

/**
 * The answer to a refused request: 400 for what is not authentic, 403 for what is not allowed. 401 is for bearer tokens
 * alone: it needs a challenge, which WITs do not have.
 *
 * @returns undefined for an error that is not about the request, such as a policy that fails
 * @see draft-ietf-wimse-wpt, "Error Conditions"; draft-ietf-wimse-http-signature, "Error Conditions"; RFC 6750 section 3.1
 */
export function problemOf(error: unknown): ProblemDocument | undefined {
  if (error instanceof PolicyError) return problem(error, 403)
  if (error instanceof SdkError && error.code === 'ERR_SDK_RESPONSE_NOT_SIGNED') return problem(error, 501)
  if (error instanceof SdkError && (error.code === 'ERR_SDK_KEYS' || error.code === 'ERR_SDK_METADATA')) {
    return problem(error, 503)
  }
  if (error instanceof BearerTokenError) return problem(error, 401)
  if (error instanceof AccessTokenError) return problem(error, error.status)
  if (!(error instanceof AuthenticityError)) return undefined
  if (error.code === 'ERR_REQUEST_BODY_TOO_LARGE') return problem(error, 413)
  return problem(error, UNAVAILABLE.has(error.code) ? 503 : 400)
}

/**
 * What goes out for any error on the way to a handler. Frameworks differ in what their own error handling shows to the
 * caller, and in which status an error may choose; this is the same in all.
 */
export function answerTo(error: unknown): ProblemDocument {
  return problemOf(error) ?? INTERNAL_ERROR
}

/** The refusal as a response. */
export function problemAnswer(error: unknown, rawHeaders: readonly string[]): Answer {
  const problem = answerTo(error)
  return {
    status: problem.status,
    rawHeaders: ['content-type', PROBLEM_MEDIA_TYPE, 'cache-control', 'no-store', ...rawHeaders],
    body: new TextEncoder().encode(JSON.stringify(problem)),
  }
}

function problem(error: WorkloadIdentityError, status: number): ProblemDocument {
  return { type: `urn:countersign:error:${error.code}`, title: error.message, status, code: error.code }
}
