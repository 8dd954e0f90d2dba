import { WorkloadIdentityError } from '@countersign/protocol'

export type SdkErrorCode =
  | 'ERR_SDK_NO_IDENTITY'
  | 'ERR_SDK_IDENTITY_WITHDRAWN'
  | 'ERR_SDK_IDENTITY_EXPIRED'
  | 'ERR_SDK_NO_TOKENS'
  | 'ERR_SDK_CLOSED'
  | 'ERR_SDK_REQUEST'
  | 'ERR_SDK_RESPONSE'
  | 'ERR_SDK_RESPONSE_NOT_SIGNED'
  | 'ERR_SDK_WORKLOAD_API'
  | 'ERR_SDK_KEYS'
  | 'ERR_SDK_METADATA'
  | 'ERR_SDK_TOKEN_SERVICE'
  | 'ERR_SDK_TOKEN_FILE'
  | 'ERR_SDK_TOKEN_REFUSED'
  | 'ERR_SDK_TOKEN_RESPONSE'
  | 'ERR_SDK_TRANSACTION_OVER'

/** This program cannot prove who it is right now, or was asked to prove it in a way it cannot. */
export class SdkError extends WorkloadIdentityError<SdkErrorCode> {}
