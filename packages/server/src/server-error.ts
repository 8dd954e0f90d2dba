import { WorkloadIdentityError } from '@countersign/protocol'

export type ServerErrorCode =
  | 'ERR_SERVER_DATA_DIR'
  | 'ERR_SERVER_ADDRESS'
  | 'ERR_SERVER_SOCKET_PATH'
  | 'ERR_SERVER_SOCKET_IN_USE'
  | 'ERR_SERVER_TLS_FILE'

/** The server cannot start as configured. */
export class ServerError extends WorkloadIdentityError<ServerErrorCode> {}
