import { AuthenticityError, PolicyError, type WorkloadIdentityError } from '@countersign/protocol'

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

/**
 * The answer to a refused request: 400 for what is not authentic, 403 for what is not allowed, and never 401, which
 * would need a challenge that WITs do not have.
 *
 * @returns undefined for an error that is not about the request, such as a policy that fails
 * @see draft-ietf-wimse-wpt, "Error Conditions"
 */
export function problemOf(error: unknown): ProblemDocument | undefined {
  if (error instanceof PolicyError) return problem(error, 403)
  if (!(error instanceof AuthenticityError)) return undefined
  return problem(error, error.code === 'ERR_PROOF_REPLAY_MEMORY_FULL' ? 503 : 400)
}

/**
 * What goes out for any error on the way to a handler. Frameworks differ in what their own error handling shows to the
 * caller, and in which status an error may choose; this is the same in all.
 */
export function answerTo(error: unknown): ProblemDocument {
  return problemOf(error) ?? INTERNAL_ERROR
}

function problem(error: WorkloadIdentityError, status: number): ProblemDocument {
  return { type: `urn:countersign:error:${error.code}`, title: error.message, status, code: error.code }
}
