/** A replay memory that the replicas of a service share, in Redis. */
export type { ConnectionOptions } from './connect-client.ts'
export type { RedisCommands } from './redis-commands.ts'
export { RedisReplayMemory, type RedisReplayMemoryOptions, type RedisState } from './redis-replay-memory.ts'
export { RedisReplayMemoryError, type RedisReplayMemoryErrorCode } from './redis-replay-memory-error.ts'
