import { hash, randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import type { ReplayAnswer, ReplayMemory } from '@countersign/protocol'
import { StoreError } from '../store/store-error.ts'
import { NO_FILES } from '../store/used-token-files-store.ts'
import { type LossCause, readUsedTokens, USED_TOKENS_FOLDER } from './read-used-tokens.ts'
import { UsedTokenLog } from './used-token-log.ts'
import {
  NO_SENDER,
  SENDER_SLOTS,
  type TokenKey,
  UsedTokenTable,
  type UsedTokenTableOptions,
} from './used-token-table.ts'

export interface UsedTokensOptions extends UsedTokenTableOptions {
  readonly folder: string
  /** What the store knows the files by; `undefined` when it never had any. */
  readonly name: string | undefined
  readonly bootId: string | undefined
  /** Seconds since the epoch; no earlier than anything that this server did before, as far as that is known. */
  readonly now: number
  /** Below this a file is not followed by another. */
  readonly leastFileBytes?: number
}

/** What says nothing of when it was made is taken to be no older than this before its end. Seconds. */
const LONGEST_LIFE = 86_400
const LATEST = 0xffff_ffff
const MAX_KNOWN_SENDERS = 1024
const DIGEST = /^[\w-]{43}$/

/**
 * Remembers which assertions and proofs were used. All of it is in memory; each is also in a file, handed to the operating
 * system before it is called fresh, so that a process that is killed loses none. Nothing waits for the disk. After a start
 * that cannot tell whether the files have everything (power failed, a backup was restored, a copy was put in place), there
 * is a fence: what may have been used before is refused, until all of it is over.
 */
export class UsedTokens implements ReplayMemory {
  /** Why this start has put up a fence. */
  readonly loss: LossCause | undefined
  readonly #log: UsedTokenLog
  readonly #table: UsedTokenTable
  readonly #key: TokenKey = new Uint32Array(4)
  readonly #keyBytes = Buffer.from(this.#key.buffer)
  readonly #senders = new Map<string, number>()
  #isClosed = false

  private constructor(table: UsedTokenTable, log: UsedTokenLog, loss: LossCause | undefined) {
    this.#table = table
    this.#log = log
    this.loss = loss
  }

  /**
   * Reads what earlier runs left, and begins a file of its own. What was there stays until `forgetOlder`.
   *
   * @throws StoreError `ERR_STORE_UNWRITABLE`
   */
  static open(options: UsedTokensOptions): UsedTokens {
    const { folder, name, bootId, now } = options
    return translating(() => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const found = readUsedTokens({ folder, name: name ?? NO_FILES, bootId })
      const table = new UsedTokenTable(options)
      let loss = name === undefined && found.newest === 0 ? undefined : found.loss
      for (const { used } of found.segments) {
        for (const { key, end, sender } of used) {
          if (end > now && table.add(key, end, now, sender) === 'full') loss = 'lost'
        }
      }
      const isContinued = found.loss === undefined && loss === undefined && name !== undefined
      const log = UsedTokenLog.begin(table, {
        ...options,
        name: isContinued ? name : randomUUID(),
        fence: loss === undefined ? found.fence : now,
        older: isContinued ? found.numbers : [],
        number: found.newest + 1,
      })
      return new UsedTokens(table, log, loss)
    })
  }

  /** Names the files; the store must know it before the first token is used. */
  get name(): string {
    return this.#log.name
  }

  /** Seconds since the epoch; 0 without a fence. */
  get fence(): number {
    return this.#log.fence
  }

  get size(): number {
    return this.#table.size
  }

  /** Removes the files of earlier runs, once the store knows the name. @throws StoreError `ERR_STORE_UNWRITABLE` */
  forgetOlder(): void {
    translating(() => this.#log.removeOlder())
  }

  /** From now on whatever may have been used up to this time is refused. */
  putUpFence(now: number): void {
    if (!this.#isClosed) this.#log.putUpFence(now)
  }

  /**
   * @param usableFrom nobody can have accepted it earlier. Seconds since the epoch; by default a day before its end
   * @returns `away` when it cannot be written: what is not remembered could be used again
   * @throws TypeError for a time that is not a finite number
   */
  remember(
    key: string,
    expiresAt: number,
    now: number,
    sender?: string,
    usableFrom = expiresAt - LONGEST_LIFE,
  ): ReplayAnswer {
    if (!Number.isFinite(now) || !Number.isFinite(expiresAt)) throw new TypeError('times must be finite numbers')
    if (this.#isClosed) return 'away'
    // Written so that what is no number is refused.
    if (this.fence !== 0 && !(usableFrom > this.fence)) return 'forgotten'
    this.#readKey(key)
    const slot = sender === undefined ? NO_SENDER : this.#slotOf(sender)
    const end = Math.min(LATEST, Math.ceil(expiresAt))
    const answer = this.#table.add(this.#key, end, now, slot)
    if (answer !== 'fresh') return answer
    try {
      this.#log.append(this.#key, end, slot, now)
      return 'fresh'
    } catch {
      // It was not used: whoever sent it is told to try again.
      this.#table.giveBack(this.#key)
      return 'away'
    }
  }

  /** In good order: the next start believes the files, also after the operating system was stopped. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#log.close()
  }

  /** What was hashed before need not be again. */
  #readKey(key: string): void {
    this.#keyBytes.write(DIGEST.test(key) ? key : hash('sha256', key, 'base64url'), 'base64url')
  }

  /** With the name of the files, so that nobody can choose to share a counter with another. */
  #slotOf(sender: string): number {
    const known = this.#senders.get(sender)
    if (known !== undefined) return known
    const slot = hash('sha256', `${this.name}\n${sender}`, 'buffer').readUInt32LE() % SENDER_SLOTS
    if (this.#senders.size >= MAX_KNOWN_SENDERS) this.#senders.clear()
    this.#senders.set(sender, slot)
    return slot
  }
}

function translating<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    const detail = `${USED_TOKENS_FOLDER}: ${String((cause as NodeJS.ErrnoException).code ?? '')}`
    throw new StoreError('ERR_STORE_UNWRITABLE', 'store cannot be read or written', { detail, cause })
  }
}
