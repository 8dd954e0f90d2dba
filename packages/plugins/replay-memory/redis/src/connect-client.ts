import { createClient } from '@redis/client'
import type { RedisCommands } from './redis-commands.ts'
import { RedisReplayMemoryError } from './redis-replay-memory-error.ts'
import { withTimeout } from './with-timeout.ts'

export interface ConnectionOptions {
  /** `redis://user:password@host:port/database`, or `rediss:` for TLS. */
  readonly url: string
  /** Longest wait for the first connection, default 5000. */
  readonly connectTimeoutMs?: number
}

export interface ConnectedClient extends RedisCommands {
  readonly close: () => void
}

const DEFAULT_CONNECT_TIMEOUT_MS = 5000
const MAX_RECONNECT_PAUSE_MS = 2000
/** A connection that is silent this long is cut and made anew; the pings keep a healthy one from being silent. */
const SILENCE_MS = 5000
const PING_MS = 1000
/** Commands that may wait for an answer at once. What comes on top is refused, as if Redis were away. */
const MAX_WAITING_COMMANDS = 10_000

/**
 * Connects, and from then on connects again by itself.
 *
 * @throws RedisReplayMemoryError `ERR_REPLAY_MEMORY_AWAY` when there is no first connection. Its detail names no password
 */
export async function connectClient(options: ConnectionOptions): Promise<ConnectedClient> {
  const { url, connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options
  // The runtime's own error would show the whole text, password included.
  if (!URL.canParse(url)) throw new TypeError('redis url is not a URL')
  let connected = false
  const client = createClient({
    url,
    // Nothing of the newer protocol is needed, and older servers and proxies do not speak it.
    RESP: 2,
    // A command must fail while there is no connection: waiting in a queue would hold requests up for as long.
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING_COMMANDS,
    pingInterval: PING_MS,
    maintNotifications: 'disabled',
    socket: {
      connectTimeout: connectTimeoutMs,
      socketTimeout: SILENCE_MS,
      // Nothing is gained by trying again before the service is up: its start fails, and says why.
      reconnectStrategy: (retries, cause) => (connected ? Math.min(50 * 2 ** retries, MAX_RECONNECT_PAUSE_MS) : cause),
    },
  })
  // Every failed command tells by itself; without a listener a lost connection would end the process.
  client.on('error', () => undefined)
  try {
    await withTimeout(client.connect(), connectTimeoutMs)
  } catch (cause) {
    if (client.isOpen) client.destroy()
    throw new RedisReplayMemoryError('ERR_REPLAY_MEMORY_AWAY', 'redis cannot be reached', {
      // Host and port alone.
      detail: new URL(url).host,
      cause,
    })
  }
  connected = true
  return {
    sendCommand: (args) => client.sendCommand(args),
    close() {
      if (client.isOpen) client.destroy()
    },
  }
}
