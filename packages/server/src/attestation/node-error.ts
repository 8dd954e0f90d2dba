import { AuthenticityError } from '@countersign/protocol'

export type NodeErrorCode =
  | 'ERR_NODE_NOT_FOUND'
  | 'ERR_NODE_UNKNOWN'
  | 'ERR_NODE_BANNED'
  | 'ERR_NODE_NO_CERTIFICATE'
  | 'ERR_NODE_CERTIFICATE'
  | 'ERR_NODE_ATTESTOR'

/** A caller that is not, or no longer, one of this server's nodes. */
export class NodeError extends AuthenticityError<NodeErrorCode> {}
