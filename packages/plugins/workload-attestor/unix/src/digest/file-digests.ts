/** SHA-256 of files: read in pieces, a few at a time, and remembered while a file does not change. */
import { createHash } from 'node:crypto'
import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { AttestationError, type Clock } from '@countersign/plugin-kit'
import { answerOf } from '../host-fault.ts'
import { WorkSlots } from './work-slots.ts'

const CHUNK_BYTES = 262_144
const MAX_CACHED = 512
/** Node reads files on four threads by default; hashing must leave some to everything else. */
const LIMITS = { running: 2, total: 128, perUid: 32 }
/** How often a caller may depend on what others began before it gives up. */
const MAX_ROUNDS = 8
const CHANGED = 'changed while it was read'
/** Within this many seconds of a change, a second one may leave the same time stamp. */
const UNSETTLED_SECONDS = 2

export type DigestResult =
  | { readonly sha256: string; readonly device: bigint; readonly inode: bigint }
  | { readonly omitted: string }

/** What was read, and of which state of which file. */
type Reading = { readonly sha256: string; readonly identity: string } | { readonly omitted: string }

interface Work {
  readonly reading: Promise<Reading>
  readonly unwanted: AbortController
  callers: number
}

export class FileDigests {
  readonly #clock: Clock
  readonly #cache = new Map<string, string>()
  /** By file, not by its state: whoever may change a file could otherwise have it read many times over. */
  readonly #pending = new Map<string, Work>()
  readonly #slots = new WorkSlots(LIMITS)
  readonly #maxCached: number

  constructor(clock: Clock, maxCached = MAX_CACHED) {
    this.#clock = clock
    this.#maxCached = maxCached
  }

  /**
   * The digest of the file that `path` leads to, in lower-case hex, or why there is none. Overlapping calls for one file
   * share the work; it ends when the last of them has given up.
   *
   * @param path may be a `/proc` link, and must stay good until this settles
   * @param uid on whose behalf, so that one user's files do not hold up everyone else's
   * @throws AttestationError `ERR_ATTESTATION_NOT_POSSIBLE` when the host cannot read it now, or too many files wait
   * @throws `signal.reason` once the signal aborts
   */
  async sha256(path: string, maxBytes: number, signal: AbortSignal, uid = 0): Promise<DigestResult> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      signal.throwIfAborted()
      const stats = await stat(path, { bigint: true }).catch(answerOf)
      if (typeof stats === 'string') return { omitted: stats }
      const refused = refusal(stats, maxBytes)
      if (refused !== undefined) return { omitted: refused }
      const file = { device: stats.dev, inode: stats.ino }
      const identity = identityOf(stats)
      const known = this.#recall(identity)
      if (known !== undefined) return { sha256: known, ...file }

      const key = `${stats.dev}:${stats.ino}`
      const shared = this.#pending.get(key)
      const work = shared ?? this.#start(key, identity, path, uid, signal)
      const reading = await this.#take(key, work, signal).catch((error: unknown) => {
        signal.throwIfAborted()
        if (shared === undefined) throw error
        return undefined
      })
      if (reading !== undefined && 'sha256' in reading && reading.identity === identity) {
        return { sha256: reading.sha256, ...file }
      }
      // What another caller's path or patience came to says nothing about this one's.
      if (shared !== undefined) continue
      return { omitted: reading !== undefined && 'omitted' in reading ? reading.omitted : CHANGED }
    }
    throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'file is read by others and changes all the time')
  }

  #start(key: string, identity: string, path: string, uid: number, starter: AbortSignal): Work {
    const unwanted = new AbortController()
    const read = async () => {
      // The path belongs to the caller that brought it and may lead elsewhere once it has gone.
      starter.throwIfAborted()
      return this.#read(identity, path, unwanted.signal)
    }
    const reading = this.#slots.run(uid, unwanted.signal, read).finally(() => {
      if (this.#pending.get(key) === work) this.#pending.delete(key)
    })
    // When every caller has given up, nobody else would take a failure.
    reading.catch(() => {})
    const work: Work = { reading, unwanted, callers: 0 }
    this.#pending.set(key, work)
    return work
  }

  async #take(key: string, work: Work, signal: AbortSignal): Promise<Reading> {
    work.callers += 1
    try {
      return await abortable(work.reading, signal)
    } finally {
      work.callers -= 1
      if (work.callers === 0) {
        work.unwanted.abort()
        if (this.#pending.get(key) === work) this.#pending.delete(key)
      }
    }
  }

  async #read(identity: string, path: string, signal: AbortSignal): Promise<Reading> {
    try {
      // Never waits for the other end of a pipe, should the path lead to one by now.
      const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
      try {
        if (identityOf(await file.stat({ bigint: true })) !== identity) return { omitted: CHANGED }
        const sha256 = await hashFile(file, signal)
        const after = await file.stat({ bigint: true })
        if (identityOf(after) !== identity) return { omitted: CHANGED }
        const age = this.#clock.now() - Number(after.ctimeNs / 1_000_000_000n)
        if (age >= UNSETTLED_SECONDS) this.#remember(identity, sha256)
        return { sha256, identity }
      } finally {
        await file.close()
      }
    } catch (error) {
      return { omitted: answerOf(error) }
    }
  }

  #recall(key: string): string | undefined {
    const sha256 = this.#cache.get(key)
    if (sha256 !== undefined) this.#remember(key, sha256)
    return sha256
  }

  /** A map iterates in order of insertion: the first key is the one not used for longest. */
  #remember(key: string, sha256: string): void {
    this.#cache.delete(key)
    this.#cache.set(key, sha256)
    const [oldest] = this.#cache.keys()
    if (this.#cache.size > this.#maxCached && oldest !== undefined) this.#cache.delete(oldest)
  }
}

/** Content may change without its time of modification, which is anyone's to set; the time of change is the kernel's. */
function identityOf(stats: BigIntStats): string {
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':')
}

function refusal(stats: BigIntStats, maxBytes: number): string | undefined {
  if (!stats.isFile()) return 'not a plain file'
  return stats.size > BigInt(maxBytes) ? `larger than ${maxBytes} bytes` : undefined
}

/** Reads no more than one chunk past the size, so that a file that grows does not hold the reader. */
async function hashFile(file: FileHandle, signal: AbortSignal): Promise<string> {
  const { size } = await file.stat()
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let position = 0; position <= size; ) {
    signal.throwIfAborted()
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position)
    if (bytesRead === 0) break
    hash.update(chunk.subarray(0, bytesRead))
    position += bytesRead
  }
  return hash.digest('hex')
}

function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
