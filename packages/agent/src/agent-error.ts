import { WorkloadIdentityError } from '@countersign/protocol'

export type AgentErrorCode =
  | 'ERR_AGENT_PEER_CREDENTIALS'
  | 'ERR_AGENT_SOCKET_IN_USE'
  | 'ERR_AGENT_SOCKET_PATH'
  | 'ERR_AGENT_SOCKET_FOLDER'
  | 'ERR_AGENT_STATE_LOCKED'
  | 'ERR_AGENT_STATE_FOLDER'
  | 'ERR_AGENT_SEAL_KEY'
  | 'ERR_AGENT_BROKER_ADDRESS'
  | 'ERR_AGENT_BOOTSTRAP_BUNDLE'
  | 'ERR_AGENT_CREDENTIAL'
  | 'ERR_AGENT_BUSY'

/** The agent cannot start, or cannot do its work now. */
export class AgentError extends WorkloadIdentityError<AgentErrorCode> {}
