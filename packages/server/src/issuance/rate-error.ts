import { WorkloadIdentityError } from '@countersign/protocol'

export type RateErrorCode = 'ERR_RATE_ISSUANCE'

/** One caller asks for more than its share. RFC 6585 section 4. */
export class RateError extends WorkloadIdentityError<RateErrorCode> {
  readonly headers: Readonly<Record<string, string>>

  /** @param retryAfterSeconds when the same request will be accepted */
  constructor(code: RateErrorCode, message: string, retryAfterSeconds: number) {
    super(code, message)
    this.headers = { 'retry-after': String(retryAfterSeconds) }
  }
}
