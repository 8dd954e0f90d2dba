import { WorkloadIdentityError } from '@countersign/protocol'

export type DownstreamErrorCode =
  | 'ERR_DOWNSTREAM_NOT_ENTITLED'
  | 'ERR_DOWNSTREAM_REQUEST'
  | 'ERR_DOWNSTREAM_PATH_LENGTH'
  | 'ERR_DOWNSTREAM_KEY_TAKEN'
  | 'ERR_DOWNSTREAM_KEYS'

/** What a server below this one asked for is not given. */
export class DownstreamError extends WorkloadIdentityError<DownstreamErrorCode> {}
