import { createHash } from 'node:crypto'
import { InProcessReplayMemory, type ReplayAnswer, type ReplayMemory } from '@countersign/protocol'
import { type ConnectionOptions, connectClient } from './connect-client.ts'
import { isReply, requireNoEviction } from './eviction-policy.ts'
import type { RedisCommands } from './redis-commands.ts'
import { REMEMBER_SCRIPT, REMEMBER_SCRIPT_SHA1 } from './remember-script.ts'
import { withTimeout } from './with-timeout.ts'

/** Whether the memory answered when it was last asked. */
export type RedisState = 'connected' | 'away'

export interface RedisReplayMemoryOptions {
  /** Before every key, default `countersign:replay:`. Services that may not see each other's proofs need different ones. */
  readonly prefix?: string
  /** Proofs that one sender may have in use at once, default 100,000: about 12 MB. 0 for any number. */
  readonly senderCapacity?: number
  /**
   * Largest difference between the clocks of the replicas, in seconds, default 60. A proof is remembered this much longer
   * than the replica that saw it needs, for those whose clocks are behind.
   */
  readonly clockMarginSeconds?: number
  /** Longest wait for an answer, in milliseconds, default 250. */
  readonly timeoutMs?: number
  /**
   * What to do with proofs while Redis is away. `refuse` (default): none is accepted. `accept-in-process`: each replica
   * goes by its own memory alone, so a proof can be used once at every replica.
   */
  readonly whenAway?: 'refuse' | 'accept-in-process'
  /** Hears of each change between answering and not. The error names no key and no proof. */
  readonly onStateChange?: (state: RedisState, error?: unknown) => void
  /** Skip the check at the start that Redis does not make room by forgetting proofs. */
  readonly allowEviction?: boolean
}

const DEFAULT_PREFIX = 'countersign:replay:'
const DEFAULT_SENDER_CAPACITY = 100_000
const DEFAULT_CLOCK_MARGIN_SECONDS = 60
const DEFAULT_TIMEOUT_MS = 250

const ANSWERS: ReadonlyMap<unknown, ReplayAnswer> = new Map([
  [1, 'fresh'],
  [0, 'replayed'],
  [-1, 'full'],
])

/**
 * Replay memory that the replicas of a service share. Of any number of replicas that see one proof, one gets `fresh`: the
 * answer is made by Redis, in one step.
 *
 * Bounded by the memory of Redis, which must refuse writes when it is full; that is `full` here.
 */
export class RedisReplayMemory implements ReplayMemory {
  readonly #redis: RedisCommands
  readonly #close: () => void
  readonly #prefix: string
  readonly #senderCapacity: string
  readonly #marginSeconds: number
  readonly #timeoutMs: number
  /** Knows what this process accepted, also while Redis was away and after it came back. */
  readonly #own: InProcessReplayMemory | undefined
  readonly #onStateChange: (state: RedisState, error?: unknown) => void
  #state: RedisState = 'connected'
  #probing = false

  private constructor(redis: RedisCommands, options: RedisReplayMemoryOptions, close: () => void) {
    this.#redis = redis
    this.#close = close
    this.#prefix = options.prefix ?? DEFAULT_PREFIX
    this.#senderCapacity = String(requireNumber(options.senderCapacity ?? DEFAULT_SENDER_CAPACITY, 0))
    this.#marginSeconds = requireNumber(options.clockMarginSeconds ?? DEFAULT_CLOCK_MARGIN_SECONDS, 0)
    this.#timeoutMs = requireNumber(options.timeoutMs ?? DEFAULT_TIMEOUT_MS, 1)
    this.#own = options.whenAway === 'accept-in-process' ? new InProcessReplayMemory() : undefined
    this.#onStateChange = options.onStateChange ?? (() => undefined)
  }

  /**
   * Connects to a Redis of its own connection.
   *
   * @throws RedisReplayMemoryError `ERR_REPLAY_MEMORY_AWAY`, `ERR_REPLAY_MEMORY_EVICTION`,
   *   `ERR_REPLAY_MEMORY_UNKNOWN_POLICY`
   */
  static async connect(options: RedisReplayMemoryOptions & ConnectionOptions): Promise<RedisReplayMemory> {
    const client = await connectClient(options)
    try {
      return await RedisReplayMemory.over(client, options, client.close)
    } catch (error) {
      client.close()
      throw error
    }
  }

  /**
   * Uses a client that the service has already. It should reject commands while it is not connected, rather than queue
   * them: this memory waits for no longer than `timeoutMs`, but a queue goes on growing.
   *
   * @throws RedisReplayMemoryError as {@link connect}
   */
  static async over(
    redis: RedisCommands,
    options: RedisReplayMemoryOptions = {},
    close: () => void = () => undefined,
  ): Promise<RedisReplayMemory> {
    const memory = new RedisReplayMemory(redis, options, close)
    if (options.allowEviction !== true) {
      await requireNoEviction({ sendCommand: (args) => withTimeout(redis.sendCommand(args), memory.#timeoutMs) })
    }
    return memory
  }

  get state(): RedisState {
    return this.#state
  }

  /** @throws TypeError for a time that is not a finite number */
  async remember(key: string, expiresAt: number, now: number, sender?: string): Promise<ReplayAnswer> {
    if (!Number.isFinite(now) || !Number.isFinite(expiresAt)) throw new TypeError('times must be finite numbers')
    const shared = await this.#ask(key, expiresAt - now, sender)
    if (this.#own === undefined || shared === 'replayed' || shared === 'full') return shared
    const own = this.#own.remember(key, expiresAt + this.#marginSeconds, now, sender)
    // What was accepted while Redis was away is new to Redis, and to nobody else.
    if (own === 'replayed') return 'replayed'
    return shared === 'away' ? own : shared
  }

  /** Ends the connection that {@link connect} made. A client that was handed in is left alone. */
  close(): void {
    this.#close()
  }

  async #ask(key: string, livesSeconds: number, sender: string | undefined): Promise<ReplayAnswer> {
    const isProbe = this.#state === 'away'
    // One command at a time finds out whether Redis is back: the others need not wait to hear that it is not.
    if (isProbe && this.#probing) return 'away'
    if (isProbe) this.#probing = true
    try {
      const answer = ANSWERS.get(await this.#run(key, livesSeconds, sender))
      if (answer === undefined) throw new Error('redis gave an answer that is none')
      this.#enter('connected')
      return answer
    } catch (error) {
      // Redis is there, and has no room: with its policy it says so instead of forgetting.
      if (isReply(error) && (error as Error).message.startsWith('OOM')) {
        this.#enter('connected')
        return 'full'
      }
      this.#enter('away', error)
      return 'away'
    } finally {
      if (isProbe) this.#probing = false
    }
  }

  async #run(key: string, livesSeconds: number, sender: string | undefined): Promise<unknown> {
    // Relative, because the clock of Redis may differ from ours: it counts this time down by itself.
    const lives = Math.ceil(Math.max(0, livesSeconds) * 1000) + Math.ceil(this.#marginSeconds * 1000)
    const most = sender === undefined ? '0' : this.#senderCapacity
    const args = ['1', this.#keyOf(sender), key, String(Math.max(1, lives)), most]
    return withTimeout(this.#evaluate(args), this.#timeoutMs)
  }

  async #evaluate(args: readonly string[]): Promise<unknown> {
    try {
      return await this.#redis.sendCommand(['EVALSHA', REMEMBER_SCRIPT_SHA1, ...args])
    } catch (error) {
      // A Redis that was started anew does not know the script.
      if (!(isReply(error) && (error as Error).message.startsWith('NOSCRIPT'))) throw error
      return this.#redis.sendCommand(['EVAL', REMEMBER_SCRIPT, ...args])
    }
  }

  /** Hashed, so that what a sender is called does not decide how long a key is. */
  #keyOf(sender: string | undefined): string {
    if (sender === undefined) return `${this.#prefix}*`
    return this.#prefix + createHash('sha256').update(sender).digest('base64url')
  }

  #enter(state: RedisState, error?: unknown): void {
    if (this.#state === state) return
    this.#state = state
    this.#onStateChange(state, error)
  }
}

function requireNumber(value: number, least: number): number {
  if (!(Number.isFinite(value) && value >= least)) throw new TypeError(`option must be a number from ${least} on`)
  return value
}
