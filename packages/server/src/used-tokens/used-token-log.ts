import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { syncFolder } from '../recovery/sync-folder.ts'
import { listSegments, segmentName } from './read-used-tokens.ts'
import { RECORD, RECORD_BYTES, RecordBuffer } from './used-token-record.ts'
import { SegmentWriter } from './used-token-segment.ts'
import { type TokenKey, UsedTokenTable } from './used-token-table.ts'

export interface UsedTokenLogOptions {
  readonly folder: string
  readonly name: string
  readonly bootId: string | undefined
  readonly now: number
  readonly fence: number
  /** Numbers of the files whose content is in the table. */
  readonly older: readonly number[]
  /** Of the first file. */
  readonly number: number
  readonly leastFileBytes?: number
}

const LEAST_FILE_BYTES = 8 * 1024 * 1024
/** A file may have so many times the bytes of what is remembered. */
const MAX_WASTE = 3

/**
 * The files in which the table of used tokens outlives the process. One is written to; when most of it is over another
 * follows it, and what is still needed is copied there, a little with each token.
 */
export class UsedTokenLog {
  readonly name: string
  readonly #table: UsedTokenTable
  readonly #options: UsedTokenLogOptions
  #fence: number
  #number: number
  #writer: SegmentWriter
  /** Files that are needed as well until the table is copied. */
  #older: readonly number[]
  /** The next part of the table to be copied. */
  #toCopy = 0
  #isComplete = false

  private constructor(table: UsedTokenTable, options: UsedTokenLogOptions) {
    this.name = options.name
    this.#table = table
    this.#options = options
    this.#fence = options.fence
    this.#number = options.number
    this.#older = options.older
    this.#writer = this.#create(options.number, options.older)
  }

  /** @throws NodeJS.ErrnoException */
  static begin(table: UsedTokenTable, options: UsedTokenLogOptions): UsedTokenLog {
    const log = new UsedTokenLog(table, options)
    try {
      log.#copyAll(options.now)
      // An older file that was closed in good order must never be taken for the newest: not even after a power cut.
      log.#writer.sync()
      syncFolder(options.folder)
      syncFolder(dirname(options.folder))
      return log
    } catch (error) {
      log.#writer.close()
      throw error
    }
  }

  get fence(): number {
    return this.#fence
  }

  /** @throws NodeJS.ErrnoException when it is not written, and will not be */
  append(key: TokenKey, end: number, sender: number, now: number): void {
    this.#writer.append(RECORD.used, key, end, sender)
    if (!this.#isComplete) this.#tryToCopy(now)
    else if (this.#isWasteful()) this.#follow()
  }

  putUpFence(now: number): void {
    if (now <= this.#fence) return
    this.#fence = now
    this.#follow()
  }

  /** @throws NodeJS.ErrnoException */
  removeOlder(): void {
    const { folder } = this.#options
    for (const number of listSegments(folder)) {
      if (number < this.#number) rmSync(join(folder, segmentName(number)), { recursive: true, force: true })
    }
    syncFolder(folder)
  }

  close(): void {
    try {
      if (!this.#isComplete) this.#copyAll(0)
      this.#writer.append(RECORD.closed)
      this.#writer.sync()
    } catch {
      // Then it was not closed in good order, and a start after the system was stopped puts up a fence.
    } finally {
      this.#writer.close()
    }
  }

  #isWasteful(): boolean {
    const { leastFileBytes = LEAST_FILE_BYTES } = this.#options
    return this.#writer.size > Math.max(leastFileBytes, this.#table.size * RECORD_BYTES * MAX_WASTE)
  }

  #create(number: number, older: readonly number[]): SegmentWriter {
    const { folder, bootId = null } = this.#options
    const facts = { log: this.name, bootId, fence: this.#fence, older }
    return SegmentWriter.create(join(folder, segmentName(number)), facts)
  }

  #follow(): void {
    const older = [...this.#older, this.#number]
    try {
      const before = this.#writer
      this.#writer = this.#create(this.#number + 1, older)
      this.#number += 1
      this.#older = older
      this.#toCopy = 0
      this.#isComplete = false
      // Last: should it fail, all is written to the new file anyhow.
      before.close()
    } catch {
      // Then the file that there is grows on, and this is tried again with the next token.
    }
  }

  #copyAll(now: number): void {
    while (this.#toCopy < UsedTokenTable.shards) this.#copyNext(now)
    this.#complete()
  }

  #tryToCopy(now: number): void {
    try {
      if (this.#toCopy < UsedTokenTable.shards) this.#copyNext(now)
      if (this.#toCopy < UsedTokenTable.shards) return
      const older = this.#older
      this.#complete()
      for (const number of older) rmSync(join(this.#options.folder, segmentName(number)), { force: true })
    } catch {
      // The files before stay, so nothing is lost.
    }
  }

  #complete(): void {
    this.#writer.append(RECORD.complete)
    this.#isComplete = true
    this.#older = []
  }

  #copyNext(now: number): void {
    const records: Parameters<RecordBuffer['put']>[] = []
    this.#table.forEachOf(this.#toCopy, now, (...used) => records.push([records.length, RECORD.used, ...used]))
    const buffer = new RecordBuffer(records.length)
    for (const record of records) buffer.put(...record)
    if (records.length > 0) this.#writer.appendAll(buffer.bytes)
    this.#toCopy += 1
  }
}
