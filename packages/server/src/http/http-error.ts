import { WorkloadIdentityError } from '@countersign/protocol'

export type HttpErrorCode =
  | 'ERR_HTTP_REQUEST'
  | 'ERR_HTTP_BODY_MALFORMED'
  | 'ERR_HTTP_INVALID'
  | 'ERR_HTTP_TOO_LARGE'
  | 'ERR_HTTP_MEDIA_TYPE'
  | 'ERR_HTTP_NOT_FOUND'
  | 'ERR_HTTP_METHOD'
  | 'ERR_HTTP_BUSY'
  | 'ERR_HTTP_INTERNAL'

/** A request that is refused before anyone asks what it means. */
export class HttpError extends WorkloadIdentityError<HttpErrorCode> {}
