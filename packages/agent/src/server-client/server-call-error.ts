import { type ErrorContext, WorkloadIdentityError } from '@countersign/protocol'

export type ServerCallErrorCode =
  | 'ERR_AGENT_SERVER_UNREACHABLE'
  | 'ERR_AGENT_SERVER_TIMEOUT'
  | 'ERR_AGENT_SERVER_IDENTITY'
  | 'ERR_AGENT_SERVER_RESPONSE'
  | 'ERR_AGENT_SERVER_DIVERGED'
  | 'ERR_AGENT_SERVER_FAILED'
  | 'ERR_AGENT_SERVER_BUSY'
  | 'ERR_AGENT_SERVER_REFUSED_REQUEST'
  | 'ERR_AGENT_SERVER_REFUSED_AGENT'
  | 'ERR_AGENT_SERVER_REFUSED_CERTIFICATE'

/** A call to the server did not bring what it should. `detail` holds the server's own code where it gave one. */
export class ServerCallError extends WorkloadIdentityError<ServerCallErrorCode> {
  /** When the server wants to be asked again, where it said so. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: ServerCallErrorCode,
    message: string,
    { retryAfterSeconds, ...context }: ErrorContext & { readonly retryAfterSeconds?: number | undefined } = {},
  ) {
    super(code, message, context)
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** Whether the server no longer counts this agent as one of its nodes. */
export function isAgentRefused(error: unknown): boolean {
  return error instanceof ServerCallError && error.code === 'ERR_AGENT_SERVER_REFUSED_AGENT'
}

/** Whether the server would not take the certificate shown. That says nothing about the agent, which needs another one. */
export function isCertificateRefused(error: unknown): boolean {
  return error instanceof ServerCallError && error.code === 'ERR_AGENT_SERVER_REFUSED_CERTIFICATE'
}

/** Whether what the agent has is of no use as a basis for changes. What it serves from is not touched by that. */
export function isDiverged(error: unknown): boolean {
  return error instanceof ServerCallError && error.code === 'ERR_AGENT_SERVER_DIVERGED'
}
