import { AttestationError } from '@countersign/plugin-kit'
import { GrpcStatus } from '@countersign/workload-api/server'
import { AgentError } from '../agent-error.ts'
import { ServerCallError } from '../server-client/server-call-error.ts'
import { RpcError } from '../workload-api/rpc-error.ts'

/** Why a program got nothing: for the operator, in more detail than the program is told. */
export type DenialReason =
  | 'no_identity'
  | 'attestation'
  | 'server'
  | 'busy'
  | 'not_ready'
  | 'invalid_request'
  | 'internal'

export function denialReason(error: unknown): DenialReason {
  if (error instanceof AttestationError) return 'attestation'
  if (error instanceof ServerCallError) return 'server'
  if (error instanceof AgentError) return error.code === 'ERR_AGENT_BUSY' ? 'busy' : 'server'
  if (!(error instanceof RpcError)) return 'internal'
  if (error.code === GrpcStatus.PERMISSION_DENIED) return 'no_identity'
  if (error.code === GrpcStatus.INVALID_ARGUMENT) return 'invalid_request'
  return error.code === GrpcStatus.UNAVAILABLE ? 'not_ready' : 'internal'
}
