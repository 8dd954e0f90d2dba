import { WorkloadIdentityError } from '@countersign/protocol'

export type RedisReplayMemoryErrorCode =
  | 'ERR_REPLAY_MEMORY_AWAY'
  | 'ERR_REPLAY_MEMORY_EVICTION'
  | 'ERR_REPLAY_MEMORY_UNKNOWN_POLICY'

/** A Redis that cannot be used as a replay memory. About the start of a service, never about a request. */
export class RedisReplayMemoryError extends WorkloadIdentityError<RedisReplayMemoryErrorCode> {}
