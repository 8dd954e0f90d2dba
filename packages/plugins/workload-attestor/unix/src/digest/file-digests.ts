/** SHA-256 of files: read in pieces, a few at a time, and remembered while a file does not change. */
import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Clock } from '@countersign/plugin-kit'

const CHUNK_BYTES = 262_144
const MAX_CACHED = 512
/** Node reads files on four threads by default; hashing must leave some to everything else. */
const MAX_CONCURRENT = 2
/** Within this many seconds of a change, a second one may leave the same time stamp. */
const UNSETTLED_SECONDS = 2

export type DigestResult =
  | { readonly sha256: string; readonly device: bigint; readonly inode: bigint }
  | { readonly omitted: string }

export class FileDigests {
  readonly #clock: Clock
  readonly #cache = new Map<string, string>()
  readonly #pending = new Map<string, Promise<string | undefined>>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  readonly #maxCached: number

  constructor(clock: Clock, maxCached = MAX_CACHED) {
    this.#clock = clock
    this.#maxCached = maxCached
  }

  /**
   * The digest of the file that `path` opens, in lower-case hex, or why there is none. Overlapping calls for one file
   * share the work; a caller that gives up does not stop it for the others.
   *
   * @param path may be a `/proc` link; it is opened once and everything is asked of the open file
   * @throws `signal.reason` once the signal aborts
   */
  async sha256(path: string, maxBytes: number, signal: AbortSignal): Promise<DigestResult> {
    signal.throwIfAborted()
    let file: FileHandle
    try {
      file = await open(path, 'r')
    } catch (error) {
      return { omitted: (error as NodeJS.ErrnoException).code ?? 'unknown' }
    }
    let handedOver = false
    try {
      const stats = await file.stat({ bigint: true })
      const refused = refusal(stats, maxBytes)
      if (refused !== undefined) return { omitted: refused }
      const key = identityOf(stats)
      let sha256 = this.#recall(key)
      if (sha256 === undefined) {
        const shared = this.#pending.get(key)
        handedOver = shared === undefined
        sha256 = await abortable(shared ?? this.#start(key, file), signal)
      }
      if (sha256 === undefined) return { omitted: 'changed while it was read' }
      return { sha256, device: stats.dev, inode: stats.ino }
    } finally {
      // The work closes the file it reads, possibly long after its first caller has gone.
      if (!handedOver) await file.close()
    }
  }

  #start(key: string, file: FileHandle): Promise<string | undefined> {
    const work = this.#hash(key, file).finally(() => this.#pending.delete(key))
    // When every caller has given up, nobody else would take a failure.
    work.catch(() => {})
    this.#pending.set(key, work)
    return work
  }

  async #hash(key: string, file: FileHandle): Promise<string | undefined> {
    await this.#acquire()
    try {
      const sha256 = await hashFile(file)
      const after = await file.stat({ bigint: true })
      if (identityOf(after) !== key) return undefined
      if (this.#clock.now() - Number(after.ctimeNs / 1_000_000_000n) >= UNSETTLED_SECONDS) this.#remember(key, sha256)
      return sha256
    } finally {
      this.#release()
      await file.close()
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

  async #acquire(): Promise<void> {
    if (this.#running >= MAX_CONCURRENT) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
  }

  /** Hands the place to the next in line, or frees it. */
  #release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#running--
    else next()
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
async function hashFile(file: FileHandle): Promise<string> {
  const { size } = await file.stat()
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let position = 0; position <= size; ) {
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
