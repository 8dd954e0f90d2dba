import type { RedisCommands } from './redis-commands.ts'
import { RedisReplayMemoryError } from './redis-replay-memory-error.ts'

const SAFE_POLICY = 'noeviction'

/**
 * Refuses a Redis that makes room by forgetting: each proof it forgets can be used again.
 *
 * INFO rather than CONFIG GET, which hosted services do not allow.
 *
 * @throws RedisReplayMemoryError `ERR_REPLAY_MEMORY_EVICTION`
 * @throws RedisReplayMemoryError `ERR_REPLAY_MEMORY_UNKNOWN_POLICY` when it does not say what it does
 * @throws RedisReplayMemoryError `ERR_REPLAY_MEMORY_AWAY` when it does not answer
 */
export async function requireNoEviction(redis: RedisCommands): Promise<void> {
  const info = parseInfo(await askInfo(redis))
  const policy = info.get('maxmemory_policy')
  if (policy === SAFE_POLICY) return
  // Without a limit nothing is ever evicted, whatever the policy.
  if (policy !== undefined && info.get('maxmemory') === '0') return
  if (policy === undefined) {
    throw new RedisReplayMemoryError(
      'ERR_REPLAY_MEMORY_UNKNOWN_POLICY',
      'redis does not say what it does when it is full',
    )
  }
  throw new RedisReplayMemoryError('ERR_REPLAY_MEMORY_EVICTION', 'redis forgets proofs when it is full', {
    detail: `maxmemory-policy ${policy.slice(0, 64)}, needed ${SAFE_POLICY}`,
  })
}

async function askInfo(redis: RedisCommands): Promise<string> {
  try {
    return String(await redis.sendCommand(['INFO', 'memory']))
  } catch (cause) {
    if (isReply(cause)) return ''
    throw new RedisReplayMemoryError('ERR_REPLAY_MEMORY_AWAY', 'redis does not answer', { cause })
  }
}

/** Whether Redis itself said no, rather than nothing. Its error replies begin with a word in capitals. */
export function isReply(error: unknown): boolean {
  return error instanceof Error && /^[A-Z]{2,}[ :]/.test(error.message)
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split(/\r?\n/).map((line) => line.split(':', 2))
  return new Map(lines.flatMap(([name, value]) => (name && value !== undefined ? [[name, value.trim()] as const] : [])))
}
