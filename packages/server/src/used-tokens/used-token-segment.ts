/** One file of used tokens: what it is, then records. A run of the server writes files of its own, and none again. */
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { RECORD, RECORD_BYTES, RecordBuffer, type UsedTokenRecord } from './used-token-record.ts'
import { NO_SENDER, type TokenKey } from './used-token-table.ts'

export interface SegmentFacts {
  /** Names all files that follow each other. */
  readonly log: string
  /** Run of the operating system that wrote it. */
  readonly bootId: string | null
  /** What may have been used up to this time is not believed. Seconds since the epoch; 0 when all is remembered. */
  readonly fence: number
  /** Numbers of the files that are needed as well until this one is complete. */
  readonly older: readonly number[]
}

export interface SegmentContent extends SegmentFacts {
  readonly isComplete: boolean
  readonly isClosed: boolean
  /** Whether it lies where it was written. A copy may be of any age. */
  readonly isOriginal: boolean
  readonly used: Iterable<UsedTokenRecord>
}

const HEADER_BYTES = 512
/** Twice what a full table needs, and some. */
const MAX_BYTES = 256 * 1024 * 1024
const MARK_KEY = new Uint32Array(4)

export class SegmentWriter {
  readonly #file: number
  readonly #record = new RecordBuffer(1)
  #size = HEADER_BYTES
  /** Whether something may lie beyond the end that a failed write has left. */
  #isRagged = false

  private constructor(file: number) {
    this.#file = file
  }

  /** @throws NodeJS.ErrnoException */
  static create(path: string, facts: SegmentFacts): SegmentWriter {
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    const file = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    try {
      writeWhole(file, formatHeader({ ...facts, place: placeOf(file) }), 0)
      return new SegmentWriter(file)
    } catch (error) {
      closeSync(file)
      // Nobody could tell it from one that was damaged.
      rmSync(path, { force: true })
      throw error
    }
  }

  get size(): number {
    return this.#size
  }

  /**
   * Hands a record to the operating system, which has it then whatever becomes of this process.
   *
   * @throws NodeJS.ErrnoException when it is not written, and will not be
   */
  append(kind: number, key: TokenKey = MARK_KEY, end = 0, sender = NO_SENDER): void {
    this.#record.put(0, kind, key, end, sender)
    this.appendAll(this.#record.bytes)
  }

  appendAll(records: Buffer): void {
    try {
      if (this.#isRagged) ftruncateSync(this.#file, this.#size)
      this.#isRagged = true
      writeWhole(this.#file, records, this.#size)
      this.#size += records.length
      this.#isRagged = false
    } finally {
      // Also gives back room that is short.
      if (this.#isRagged) this.#tryToTrim()
    }
  }

  sync(): void {
    fsyncSync(this.#file)
  }

  close(): void {
    closeSync(this.#file)
  }

  #tryToTrim(): void {
    try {
      ftruncateSync(this.#file, this.#size)
      this.#isRagged = false
    } catch {
      // Before the next record, again.
    }
  }
}

/** @returns `undefined` for what cannot be read to its end */
export function readSegment(path: string): SegmentContent | undefined {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
  try {
    const stat = fstatSync(file)
    if (!stat.isFile() || stat.size < HEADER_BYTES || stat.size > MAX_BYTES) return undefined
    const header = Buffer.alloc(HEADER_BYTES)
    readWhole(file, header, 0)
    const facts = parseHeader(header)
    if (facts === undefined) return undefined
    // Of a record that was being written when the process was killed nobody was told.
    const count = Math.floor((stat.size - HEADER_BYTES) / RECORD_BYTES)
    const records = new RecordBuffer(count)
    readWhole(file, records.bytes, HEADER_BYTES)
    const kinds = readKinds(records, count)
    if (kinds === undefined) return undefined
    const { place, ...rest } = facts
    return {
      ...rest,
      isComplete: kinds.has(RECORD.complete),
      isClosed: count > 0 && records.get(count - 1)?.kind === RECORD.closed,
      isOriginal: place === placeOf(file),
      used: usedOf(records, count),
    }
  } catch {
    return undefined
  } finally {
    closeSync(file)
  }
}

function readKinds(records: RecordBuffer, count: number): ReadonlySet<number> | undefined {
  const kinds = new Set<number>()
  for (let index = 0; index < count; index++) {
    const record = records.get(index)
    if (record === undefined) return undefined
    kinds.add(record.kind)
  }
  return kinds
}

function* usedOf(records: RecordBuffer, count: number): Generator<UsedTokenRecord> {
  for (let index = 0; index < count; index++) {
    const record = records.get(index)
    if (record?.kind === RECORD.used) yield record
  }
}

/** A copy has another number or another birth, whichever way it was made, unless the whole file system was copied. */
function placeOf(file: number): string {
  const { ino, birthtimeNs } = fstatSync(file, { bigint: true })
  return `${ino}/${birthtimeNs}`
}

type Header = SegmentFacts & { readonly place: string }

function formatHeader(header: Header): Buffer {
  const text = JSON.stringify({ version: 1, ...header })
  const bytes = Buffer.from(`${digest(text)} ${text}`.padEnd(HEADER_BYTES - 1).concat('\n'))
  if (bytes.length !== HEADER_BYTES) throw new TypeError('header of used tokens does not fit')
  return bytes
}

function parseHeader(bytes: Buffer): Header | undefined {
  const text = bytes.toString('latin1')
  const json = text.slice(65).trimEnd()
  if (digest(json) !== text.slice(0, 64)) return undefined
  const { version, ...header } = JSON.parse(json) as Header & { readonly version: unknown }
  return version === 1 ? header : undefined
}

function digest(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex')
}

function writeWhole(file: number, bytes: Buffer, position: number): void {
  const written = writeSync(file, bytes, 0, bytes.length, position)
  if (written !== bytes.length) throw Object.assign(new Error('short write'), { code: 'ENOSPC' })
}

function readWhole(file: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    const read = readSync(file, bytes, at, bytes.length - at, position + at)
    if (read === 0) throw new Error('file is shorter than it said')
    at += read
  }
}
