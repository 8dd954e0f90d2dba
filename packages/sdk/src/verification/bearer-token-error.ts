import { AuthenticityError, type CredentialError, type CredentialErrorCode } from '@countersign/protocol'

/** A bearer token that is not believed. Unlike identity tokens these have a challenge, so the answer is 401. */
export class BearerTokenError extends AuthenticityError<CredentialErrorCode> {
  constructor(cause: CredentialError) {
    super(cause.code, cause.message, { cause, ...(cause.detail === undefined ? {} : { detail: cause.detail }) })
  }
}
