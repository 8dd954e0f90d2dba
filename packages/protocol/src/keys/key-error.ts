import { AuthenticityError } from '../errors/workload-identity-error.ts'

export type KeyErrorCode =
  | 'ERR_KEY_MALFORMED'
  | 'ERR_KEY_UNSUPPORTED'
  | 'ERR_KEY_PRIVATE'
  | 'ERR_KEY_ALGORITHM_MISMATCH'
  | 'ERR_KEY_WEAK'
  | 'ERR_KEY_USE'
  | 'ERR_KEY_RUNTIME'

/** A key that cannot be used, or must not be used for this. */
export class KeyError extends AuthenticityError<KeyErrorCode> {}
