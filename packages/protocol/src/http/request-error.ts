import { AuthenticityError } from '../errors/workload-identity-error.ts'

export type RequestErrorCode =
  | 'ERR_REQUEST_HEADERS_TOO_LARGE'
  | 'ERR_REQUEST_BODY_TOO_LARGE'
  | 'ERR_REQUEST_BODY_UNREADABLE'
  | 'ERR_REQUEST_TARGET'
  | 'ERR_REQUEST_AUTHORIZATION'
  | 'ERR_REQUEST_TXN_TOKEN'

/** A request whose own form is unusable, whatever it carries. */
export class RequestError extends AuthenticityError<RequestErrorCode> {}
