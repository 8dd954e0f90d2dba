/**
 * What is needed of a Redis client: one command as its words, one reply. A client of `redis` or `@redis/client` is one; so
 * is `{ sendCommand: ([name, ...args]) => ioredis.call(name, ...args) }`.
 */
export interface RedisCommands {
  sendCommand(args: string[]): Promise<unknown>
}
