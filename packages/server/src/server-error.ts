import { WorkloadIdentityError } from '@countersign/protocol'

export type ServerErrorCode =
  | 'ERR_SERVER_DATA_DIR'
  | 'ERR_SERVER_ADDRESS'
  | 'ERR_SERVER_SOCKET_PATH'
  | 'ERR_SERVER_SOCKET_IN_USE'
  | 'ERR_SERVER_TLS_FILE'
  | 'ERR_SERVER_RESTORE_UNFINISHED'

/** The server cannot start as configured. */
export class ServerError extends WorkloadIdentityError<ServerErrorCode> {}
