import { WorkloadIdentityError } from '@countersign/protocol'

export type CliErrorCode =
  | 'ERR_CLI_USAGE'
  | 'ERR_CLI_FILE_NOT_FOUND'
  | 'ERR_CLI_FILE_UNREADABLE'
  | 'ERR_CLI_FILE_TOO_LARGE'
  | 'ERR_CLI_FILE_MALFORMED'
  | 'ERR_CLI_FILE_NOT_WRITABLE'
  | 'ERR_CLI_FILE_EXISTS'
  | 'ERR_CLI_INTERNAL'

/** The command line, or a file it names, cannot be used. */
export class CliError extends WorkloadIdentityError<CliErrorCode> {}
