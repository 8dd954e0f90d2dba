import { SdkError } from '../sdk-error.ts'

/** The token service answered, and the answer is no. */
export class TokenRefusedError extends SdkError {
  /** `error` of RFC 6749 section 5.2, such as `invalid_target`; `undefined` when what answered gave none. */
  readonly error: string | undefined
  /** HTTP status. */
  readonly status: number

  /** @param description the service's own words: somebody else's text, which goes to the log alone */
  constructor(status: number, error: string | undefined, description: string | undefined) {
    const detail = description === undefined ? {} : { detail: description.slice(0, 200) }
    super('ERR_SDK_TOKEN_REFUSED', `the token service gives no token: ${error ?? `status ${status}`}`, detail)
    this.error = error
    this.status = status
  }
}
