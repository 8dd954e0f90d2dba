import { AttestationError, type Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { GrpcStatus } from '@countersign/workload-api/server'
import { AgentError } from '../agent-error.ts'
import { CallFailure } from '../grpc/call-failure.ts'
import { ServerCallError } from '../server-client/server-call-error.ts'

/** How a call of the Workload API ends when it is not answered. `message` goes to the caller. */
export class RpcError extends CallFailure {}

/** The request is wrong, and stays wrong: clients give up for good. Never for anything that may pass. */
export const invalidArgument = (details: string) => new RpcError(GrpcStatus.INVALID_ARGUMENT, details)
/** Not now: clients try again and keep what they have. */
export const unavailable = (details: string) => new RpcError(GrpcStatus.UNAVAILABLE, details)
/** This program has no such identity: clients stop using what they have. */
export const permissionDenied = (details: string) => new RpcError(GrpcStatus.PERMISSION_DENIED, details)

/**
 * The answer to an error. Callers learn no more than whether to try again.
 *
 * @see SPIFFE Workload Endpoint section 6
 */
export function toRpcError(error: unknown, log: Logger): RpcError {
  if (error instanceof RpcError) return error
  if (error instanceof AttestationError) return unavailable('the calling program could not be attested')
  if (error instanceof ServerCallError || error instanceof AgentError)
    return unavailable('identity is not available now')
  log.error({ code: errorCode(error), error }, 'workload API call failed unexpectedly')
  return new RpcError(GrpcStatus.INTERNAL, 'internal error')
}
