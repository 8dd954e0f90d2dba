import { WorkloadIdentityError } from '@countersign/protocol'

export type ConfigErrorCode =
  | 'ERR_CONFIG_NOT_FOUND'
  | 'ERR_CONFIG_SYNTAX'
  | 'ERR_CONFIG_UNKNOWN_KEY'
  | 'ERR_CONFIG_INVALID'
  | 'ERR_CONFIG_VARIABLE'

/** A configuration that cannot be used. The message names the path of the key and, where one is near, the likely name. */
export class ConfigError extends WorkloadIdentityError<ConfigErrorCode> {}
