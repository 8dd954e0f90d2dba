import { WorkloadIdentityError } from '@countersign/protocol'
import type { AdminSocketError, AdminSocketErrorCode } from './admin-socket-error.ts'

export type AdminServerErrorCode =
  | 'ERR_ADMIN_SERVER_URL'
  | 'ERR_ADMIN_SERVER_UNREACHABLE'
  | 'ERR_ADMIN_SERVER_IDENTITY'
  | 'ERR_ADMIN_SERVER_TIMEOUT'
  | 'ERR_ADMIN_SERVER_ANSWER'

/** The server could not be administered over the network. */
export class AdminServerError extends WorkloadIdentityError<AdminServerErrorCode> {}

/** The same trouble as on a socket, where other advice helps. */
export function asServerError(url: URL, error: AdminSocketError): AdminServerError {
  const context = { cause: error, ...(error.detail === undefined ? {} : { detail: error.detail }) }
  switch (error.code as AdminSocketErrorCode) {
    case 'ERR_ADMIN_SOCKET_TIMEOUT':
      return new AdminServerError('ERR_ADMIN_SERVER_TIMEOUT', `no answer in time from ${url.origin}`, context)
    case 'ERR_ADMIN_SOCKET_ANSWER':
      return new AdminServerError('ERR_ADMIN_SERVER_ANSWER', `no countersign server answers at ${url.origin}`, context)
    default:
      return new AdminServerError('ERR_ADMIN_SERVER_UNREACHABLE', `connection to ${url.origin} failed`, context)
  }
}
