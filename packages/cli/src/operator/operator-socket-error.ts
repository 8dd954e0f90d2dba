import { WorkloadIdentityError } from '@countersign/protocol'
import type { AdminSocketError, AdminSocketErrorCode } from '../admin/admin-socket-error.ts'

export type OperatorSocketErrorCode =
  | 'ERR_OPERATOR_SOCKET_MISSING'
  | 'ERR_OPERATOR_SOCKET_REFUSED'
  | 'ERR_OPERATOR_SOCKET_DENIED'
  | 'ERR_OPERATOR_SOCKET_TIMEOUT'
  | 'ERR_OPERATOR_SOCKET_FAILED'
  | 'ERR_OPERATOR_SOCKET_ANSWER'

/** The agent's operator socket could not be used, or something else than an agent answered on it. */
export class OperatorSocketError extends WorkloadIdentityError<OperatorSocketErrorCode> {}

const WORDS: Readonly<Record<AdminSocketErrorCode, readonly [code: OperatorSocketErrorCode, words: string]>> = {
  ERR_ADMIN_SOCKET_MISSING: ['ERR_OPERATOR_SOCKET_MISSING', 'no operator socket at'],
  ERR_ADMIN_SOCKET_REFUSED: ['ERR_OPERATOR_SOCKET_REFUSED', 'no agent listens on operator socket'],
  ERR_ADMIN_SOCKET_DENIED: ['ERR_OPERATOR_SOCKET_DENIED', 'not allowed to open operator socket'],
  ERR_ADMIN_SOCKET_TIMEOUT: ['ERR_OPERATOR_SOCKET_TIMEOUT', 'no answer in time on operator socket'],
  ERR_ADMIN_SOCKET_FAILED: ['ERR_OPERATOR_SOCKET_FAILED', 'connection failed to operator socket'],
  ERR_ADMIN_SOCKET_ANSWER: ['ERR_OPERATOR_SOCKET_ANSWER', 'no countersign agent answers on operator socket'],
}

/** The same trouble with the other program's socket, where other advice helps. */
export function asOperatorSocketError(socketPath: string, error: AdminSocketError): OperatorSocketError {
  const [code, words] = WORDS[error.code]
  const detail = error.detail === undefined ? {} : { detail: error.detail }
  return new OperatorSocketError(code, `${words} ${socketPath}`, { cause: error, ...detail })
}
