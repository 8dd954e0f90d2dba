/** What a failed call to the server means for the agent. */
import type { NextStep } from '@countersign/api'
import { AttestationError } from '@countersign/plugin-kit'
import { errorCode, WorkloadIdentityError } from '@countersign/protocol'
import { isAgentRefused, isCertificateRefused, ServerCallError } from '../server-client/server-call-error.ts'

/**
 * - `refused`: the server no longer counts this agent as one of its nodes
 * - `unaccepted`: the server does not take the certificate, though it is not over by the agent's own clock
 * - `expired`: the certificate is over
 */
export type Ending = 'refused' | 'unaccepted' | 'expired'

/** What a failed call says about the agent's standing, if anything. */
export function endingOf(error: unknown): Ending | undefined {
  if (isAgentRefused(error)) return 'refused'
  return isCertificateRefused(error) ? 'unaccepted' : undefined
}

/** Whether waiting alone will not help: there is no evidence, or the server does not accept it. */
export function isNodeUnproven(error: unknown): boolean {
  if (error instanceof AttestationError) return true
  return error instanceof ServerCallError && /^ERR_AGENT_SERVER_REFUSED_/.test(error.code)
}

/** Whether the other end is nobody whom the agent's bundle vouches for. */
export function isServerUnknown(error: unknown): boolean {
  return error instanceof ServerCallError && error.code === 'ERR_AGENT_SERVER_IDENTITY'
}

/** What of an error may be logged: codes, and messages that are made for anyone to read. */
export function describe(error: unknown): { code?: string; reason: string; detail?: string } {
  if (!(error instanceof WorkloadIdentityError))
    return { reason: error === undefined ? 'stream ended' : 'unexpected error' }
  const code = errorCode(error)
  return {
    ...(code === undefined ? {} : { code }),
    reason: error.message,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  }
}

/** What has to be done, for the log. */
export function textOf(need: NextStep | undefined): { needs?: string; command?: string } {
  if (need === undefined) return {}
  return { needs: need.say, ...(need.command === undefined ? {} : { command: need.command.join(' ') }) }
}
