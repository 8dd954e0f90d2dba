import { AuthenticityError } from '../errors/workload-identity-error.ts'

export type EncodingErrorCode =
  | 'ERR_ENCODING_BASE64URL'
  | 'ERR_ENCODING_UTF8'
  | 'ERR_ENCODING_JSON'
  | 'ERR_ENCODING_JSON_DUPLICATE'
  | 'ERR_ENCODING_JSON_DEPTH'

/** Bytes or text that are not in the one encoding they must be in. */
export class EncodingError extends AuthenticityError<EncodingErrorCode> {}
