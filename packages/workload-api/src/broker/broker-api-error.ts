import { WorkloadIdentityError } from '@countersign/protocol'
import { type ServiceError, status } from '@grpc/grpc-js'
import { unpackErrorReason } from './error-info.ts'

export type BrokerApiErrorCode =
  | 'ERR_BROKER_API_INVALID_ARGUMENT'
  | 'ERR_BROKER_API_UNAUTHENTICATED'
  | 'ERR_BROKER_API_DENIED'
  | 'ERR_BROKER_API_NOT_ENTITLED'
  | 'ERR_BROKER_API_NOT_FOUND'
  | 'ERR_BROKER_API_UNAVAILABLE'
  | 'ERR_BROKER_API_UNIMPLEMENTED'
  | 'ERR_BROKER_API_CANCELLED'
  | 'ERR_BROKER_API_DISCONNECTED'
  | 'ERR_BROKER_API_FAILED'
  | 'ERR_BROKER_API_IDENTITY'

/** The Broker API refused or could not answer. `detail` is what the endpoint said. */
export class BrokerApiError extends WorkloadIdentityError<BrokerApiErrorCode> {}

const BY_STATUS: ReadonlyMap<status, readonly [BrokerApiErrorCode, string]> = new Map([
  [status.INVALID_ARGUMENT, ['ERR_BROKER_API_INVALID_ARGUMENT', 'broker API called the request wrong']],
  [
    status.UNAUTHENTICATED,
    ['ERR_BROKER_API_UNAUTHENTICATED', 'broker API does not take the certificate of this broker'],
  ],
  [status.PERMISSION_DENIED, ['ERR_BROKER_API_DENIED', 'broker API does not serve this broker']],
  [status.NOT_FOUND, ['ERR_BROKER_API_NOT_FOUND', 'broker API finds no such workload']],
  [status.UNAVAILABLE, ['ERR_BROKER_API_UNAVAILABLE', 'broker API is not available']],
  [status.UNIMPLEMENTED, ['ERR_BROKER_API_UNIMPLEMENTED', 'broker API does not offer this']],
  [status.CANCELLED, ['ERR_BROKER_API_CANCELLED', 'call to the broker API was cancelled']],
])

/** Turns what gRPC throws into a typed error. Others pass unchanged. */
export function toBrokerApiError(error: unknown): unknown {
  if (!isServiceError(error)) return error
  const detail = error.details.slice(0, 512)
  // Both are PERMISSION_DENIED. One is about this broker and stays, the other about one workload and may pass.
  if (error.code === status.PERMISSION_DENIED && unpackErrorReason(error.metadata) === 'WORKLOAD_NOT_ENTITLED') {
    return new BrokerApiError('ERR_BROKER_API_NOT_ENTITLED', 'broker API has no identity of this workload for us', {
      detail,
    })
  }
  const [code, message] = BY_STATUS.get(error.code) ?? ['ERR_BROKER_API_FAILED', 'call to the broker API failed']
  return new BrokerApiError(code, message, { detail })
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error
}
