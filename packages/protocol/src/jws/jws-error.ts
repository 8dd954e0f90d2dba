import { AuthenticityError } from '../errors/workload-identity-error.ts'

export type JwsErrorCode = 'ERR_JWS_TOO_LARGE' | 'ERR_JWS_MALFORMED' | 'ERR_JWS_CRITICAL' | 'ERR_JWS_ENCRYPTED'

/** Text that is not a compact JWS this system will read. */
export class JwsError extends AuthenticityError<JwsErrorCode> {}
