import { WorkloadIdentityError } from '@countersign/protocol'

export type Http2InputErrorCode = 'ERR_HTTP2_INPUT_MALFORMED' | 'ERR_HTTP2_INPUT_TOO_LARGE'

/** A client broke the rules of HTTP/2, or goes beyond what a client of the Workload API can need. */
export class Http2InputError extends WorkloadIdentityError<Http2InputErrorCode> {}

/** What no HTTP/2 peer may send. */
export const malformed = (message: string) => new Http2InputError('ERR_HTTP2_INPUT_MALFORMED', message)
/** What is allowed, but not in this size. */
export const tooLarge = (what: string) => new Http2InputError('ERR_HTTP2_INPUT_TOO_LARGE', `${what} are too large`)
