import { WorkloadIdentityError } from '@countersign/protocol'

export type AdminSocketErrorCode =
  | 'ERR_ADMIN_SOCKET_MISSING'
  | 'ERR_ADMIN_SOCKET_REFUSED'
  | 'ERR_ADMIN_SOCKET_DENIED'
  | 'ERR_ADMIN_SOCKET_TIMEOUT'
  | 'ERR_ADMIN_SOCKET_FAILED'
  | 'ERR_ADMIN_SOCKET_ANSWER'

/** The server's admin socket could not be used, or something else than a server answered on it. */
export class AdminSocketError extends WorkloadIdentityError<AdminSocketErrorCode> {}

/** A refusal by the server itself, with the server's own code. */
export class AdminProblem extends WorkloadIdentityError {
  readonly status: number

  constructor(status: number, code: string, message: string, detail?: string) {
    super(code, message, detail === undefined ? {} : { detail })
    this.status = status
  }
}

/** What the operating system said, in words that name the socket. */
export function socketError(socketPath: string, cause: NodeJS.ErrnoException): AdminSocketError {
  switch (cause.code) {
    case 'ENOENT':
      return new AdminSocketError('ERR_ADMIN_SOCKET_MISSING', `no admin socket at ${socketPath}`, { cause })
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
      return new AdminSocketError('ERR_ADMIN_SOCKET_REFUSED', `no server listens on admin socket ${socketPath}`, {
        cause,
      })
    case 'EACCES':
    case 'EPERM':
      return new AdminSocketError('ERR_ADMIN_SOCKET_DENIED', `not allowed to open admin socket ${socketPath}`, {
        cause,
      })
    default:
      return new AdminSocketError('ERR_ADMIN_SOCKET_FAILED', `connection to admin socket ${socketPath} failed`, {
        cause,
        detail: cause.code ?? cause.name,
      })
  }
}
