import { AuthenticityError } from '../errors/workload-identity-error.ts'

export type IdentifierErrorCode =
  | 'ERR_IDENTIFIER_TOO_LONG'
  | 'ERR_IDENTIFIER_NOT_ABSOLUTE'
  | 'ERR_IDENTIFIER_SCHEME'
  | 'ERR_IDENTIFIER_NOT_CANONICAL'
  | 'ERR_IDENTIFIER_TRUST_DOMAIN'
  | 'ERR_IDENTIFIER_USERINFO'
  | 'ERR_IDENTIFIER_PORT'
  | 'ERR_IDENTIFIER_QUERY'
  | 'ERR_IDENTIFIER_FRAGMENT'
  | 'ERR_IDENTIFIER_PATH_MISSING'
  | 'ERR_IDENTIFIER_PATH'
  | 'ERR_IDENTIFIER_UNVERIFIED'

/** Text that is not a Workload Identifier, or that nothing proves. */
export class IdentifierError extends AuthenticityError<IdentifierErrorCode> {}
