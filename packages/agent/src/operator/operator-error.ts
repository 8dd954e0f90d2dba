import { WorkloadIdentityError } from '@countersign/protocol'

export type OperatorErrorCode =
  | 'ERR_OPERATOR_PEER'
  | 'ERR_OPERATOR_NOT_FOUND'
  | 'ERR_OPERATOR_METHOD'
  | 'ERR_OPERATOR_REQUEST'
  | 'ERR_OPERATOR_NO_PROCESS'
  | 'ERR_OPERATOR_PROCESS_GONE'
  | 'ERR_OPERATOR_THREAD'
  | 'ERR_OPERATOR_PID_NAMESPACE'
  | 'ERR_OPERATOR_INTERNAL'

/** What an operator asked of the agent cannot be answered. */
export class OperatorError extends WorkloadIdentityError<OperatorErrorCode> {}
