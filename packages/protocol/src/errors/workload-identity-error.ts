/** What an error carries besides its code and its public message. */
export interface ErrorContext {
  /** For the operator's log. Names and hashes only: never a token, key, assertion or evidence. */
  readonly detail?: string
  readonly cause?: unknown
}

/**
 * Base of every error this system throws on purpose. Programmer mistakes are plain `TypeError`s.
 *
 * `message` is safe to show to anyone, lower case, without a final period. `detail` is for the operator's log.
 * `code` is API: `ERR_<AREA>_<REASON>`, typed as a union per class so that a `switch` narrows it.
 */
export abstract class WorkloadIdentityError<Code extends string = string> extends Error {
  readonly code: Code
  readonly detail: string | undefined

  constructor(code: Code, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause })
    this.name = new.target.name
    this.code = code
    this.detail = context.detail
  }
}

/** "This is not authentic": the input could not be believed, so nothing it says may be used. */
export abstract class AuthenticityError<Code extends string = string> extends WorkloadIdentityError<Code> {}

export type PolicyErrorCode =
  | 'ERR_POLICY_ACCESS_TOKEN'
  | 'ERR_POLICY_DENIED'
  | 'ERR_POLICY_PROOF_NOT_ACCEPTED'
  | 'ERR_POLICY_TRUST_DOMAIN_NOT_ALLOWED'
  | 'ERR_POLICY_TRANSACTION'

/** "Authentic, but not allowed": who called is known, and the answer is no. */
export class PolicyError extends WorkloadIdentityError<PolicyErrorCode> {}

/** The code of any error of this system, or `undefined` for a foreign one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof WorkloadIdentityError ? error.code : undefined
}
