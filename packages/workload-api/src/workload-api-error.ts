import { WorkloadIdentityError } from '@countersign/protocol'
import { type GrpcFailure, GrpcStatus } from './grpc-status.ts'

export type WorkloadApiErrorCode =
  | 'ERR_WORKLOAD_API_INVALID_ARGUMENT'
  | 'ERR_WORKLOAD_API_DENIED'
  | 'ERR_WORKLOAD_API_UNAVAILABLE'
  | 'ERR_WORKLOAD_API_UNIMPLEMENTED'
  | 'ERR_WORKLOAD_API_CANCELLED'
  | 'ERR_WORKLOAD_API_DISCONNECTED'
  | 'ERR_WORKLOAD_API_FAILED'

/** The Workload API refused or could not answer. `detail` is what the endpoint said. */
export class WorkloadApiError extends WorkloadIdentityError<WorkloadApiErrorCode> {
  /**
   * Whether asking again later can help. A request the endpoint calls wrong or does not know stays wrong.
   *
   * @see SPIFFE Workload API section 4.4
   */
  get isRetryable(): boolean {
    return (
      this.code !== 'ERR_WORKLOAD_API_INVALID_ARGUMENT' &&
      this.code !== 'ERR_WORKLOAD_API_UNIMPLEMENTED' &&
      this.code !== 'ERR_WORKLOAD_API_CANCELLED'
    )
  }
}

const BY_STATUS: ReadonlyMap<number, readonly [WorkloadApiErrorCode, string]> = new Map([
  [GrpcStatus.INVALID_ARGUMENT, ['ERR_WORKLOAD_API_INVALID_ARGUMENT', 'workload API called the request wrong']],
  [GrpcStatus.PERMISSION_DENIED, ['ERR_WORKLOAD_API_DENIED', 'workload API has no such identity for this program']],
  [GrpcStatus.UNAVAILABLE, ['ERR_WORKLOAD_API_UNAVAILABLE', 'workload API is not available']],
  [GrpcStatus.UNIMPLEMENTED, ['ERR_WORKLOAD_API_UNIMPLEMENTED', 'workload API does not offer this']],
  [GrpcStatus.CANCELLED, ['ERR_WORKLOAD_API_CANCELLED', 'call to the workload API was cancelled']],
])

/** Turns what gRPC throws into a typed error. Others pass unchanged. */
export function toWorkloadApiError(error: unknown): unknown {
  if (!isServiceError(error)) return error
  const [code, message] = BY_STATUS.get(error.code) ?? ['ERR_WORKLOAD_API_FAILED', 'call to the workload API failed']
  return new WorkloadApiError(code, message, { detail: error.details.slice(0, 512) })
}

function isServiceError(error: unknown): error is Error & GrpcFailure {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error
}
