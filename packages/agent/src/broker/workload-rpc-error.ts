import { type BrokerErrorReason, packErrorInfo } from '@countersign/workload-api/broker'
import { type Metadata, status } from '@grpc/grpc-js'
import { RpcError } from '../workload-api/rpc-error.ts'

/** How a call ends for a reason that is about the workload it refers to. Carries `google.rpc.ErrorInfo`. */
export class WorkloadRpcError extends RpcError {
  readonly reason: BrokerErrorReason
  readonly metadata: Metadata

  constructor(code: status, details: string, reason: BrokerErrorReason) {
    super(code, details)
    this.reason = reason
    this.metadata = packErrorInfo(code, details, reason)
  }
}

/** @see SPIFFE Broker API section 4.8, for all three */
export const referenceInvalid = (details: string) =>
  new WorkloadRpcError(status.INVALID_ARGUMENT, details, 'WORKLOAD_REFERENCE_INVALID')
export const workloadNotFound = () =>
  new WorkloadRpcError(status.NOT_FOUND, 'the workload does not exist', 'WORKLOAD_NOT_FOUND')
/** One answer, whether it has no identity or none that this broker may have: a broker learns no more than it must. */
export const workloadNotEntitled = () =>
  new WorkloadRpcError(
    status.PERMISSION_DENIED,
    'the workload is not entitled to an identity through this broker',
    'WORKLOAD_NOT_ENTITLED',
  )
/** The client cannot be told who it is any more. @see SPIFFE Broker Endpoint section 6 */
export const unauthenticated = (details: string) => new RpcError(status.UNAUTHENTICATED, details)
