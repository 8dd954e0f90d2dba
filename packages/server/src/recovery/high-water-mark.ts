/**
 * What the server has used at the most, in a file beside the store: whoever puts an older store in its place does not, as
 * a rule, put back this file too.
 */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreError } from '../store/store-error.ts'
import { syncFolder } from './sync-folder.ts'

export const HIGH_WATER_FILE = 'high-water'

export interface HighWater {
  /** Of the newest change that was committed. May lag behind after a power cut, never ahead. */
  readonly revision: number
  /** No revision above this one was ever used. */
  readonly reserved: number
  /** Newest time at which anything was signed or written. Seconds since the epoch; 0 when unknown. */
  readonly time: number
}

/** Each slot is written in one piece, and the other one is left alone meanwhile. */
const SLOT_BYTES = 512
const SLOTS = 2
/** Revisions for which one wait for the disk is enough. */
const BLOCK = 4096

/**
 * Written after each change without waiting for the disk, so that a killed process has it and a power cut costs a few lines
 * at most; waited for once in a block of revisions, before the first of them is used.
 */
export class HighWaterMark {
  /** What was there when it was opened; `undefined` when there was no file. */
  readonly found: HighWater | undefined
  readonly #file: number
  #present: HighWater
  #turn: number

  private constructor(file: number, found: HighWater | undefined, turn: number) {
    this.#file = file
    this.found = found
    this.#present = found ?? { revision: 0, reserved: 0, time: 0 }
    this.#turn = turn
  }

  /**
   * @throws StoreError `ERR_STORE_MARK` when the file is damaged, which no crash does
   * @throws StoreError `ERR_STORE_UNWRITABLE`
   */
  static open(path: string): HighWaterMark {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const file = translating(() => openSync(path, flags, 0o600))
    try {
      const slots = readSlots(file)
      if (slots === undefined) {
        const mark = new HighWaterMark(file, undefined, 0)
        mark.#writeBoth()
        syncFolder(dirname(path))
        return mark
      }
      return new HighWaterMark(file, slots.highest, slots.turn)
    } catch (error) {
      closeSync(file)
      throw error
    }
  }

  get present(): HighWater {
    return this.#present
  }

  /**
   * Must be called before a revision is committed.
   *
   * @throws StoreError `ERR_STORE_UNWRITABLE`
   */
  reserve(revision: number): void {
    if (revision <= this.#present.reserved) return
    const next = { ...this.#present, reserved: revision + BLOCK }
    translating(() => this.#write(next))
    translating(() => fsyncSync(this.#file))
    this.#present = next
  }

  /** After a revision is committed. What cannot be written now is written with the next one. */
  note(revision: number): void {
    if (revision > this.#present.revision) this.#tryTo({ ...this.#present, revision })
  }

  noteTime(time: number): void {
    if (time > this.#present.time) this.#tryTo({ ...this.#present, time })
  }

  /** Takes another time as the newest, also an earlier one. @throws StoreError `ERR_STORE_UNWRITABLE` */
  resetTime(time: number): void {
    const next = { ...this.#present, time }
    translating(() => this.#write(next))
    translating(() => fsyncSync(this.#file))
    this.#present = next
  }

  close(): void {
    closeSync(this.#file)
  }

  #tryTo(next: HighWater): void {
    this.#present = next
    try {
      this.#write(next)
    } catch {
      // Only a later start could miss it, and only until the next change.
    }
  }

  #write(next: HighWater): void {
    const turn = this.#turn + 1
    writeSlot(this.#file, turn, next)
    this.#turn = turn
  }

  #writeBoth(): void {
    for (let slot = 0; slot < SLOTS; slot++) translating(() => this.#write(this.#present))
    translating(() => fsyncSync(this.#file))
  }
}

/** For those who only look. @returns `undefined` when there is no file @throws StoreError as `HighWaterMark.open` */
export function readHighWater(path: string): HighWater | undefined {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw asUnwritable(error)
  }
  try {
    return readSlots(file)?.highest
  } finally {
    closeSync(file)
  }
}

/** The content of a new file that says this much. */
export function formatHighWater(mark: HighWater): Buffer {
  return Buffer.concat([formatSlot(1, mark), formatSlot(2, mark)])
}

function writeSlot(file: number, turn: number, mark: HighWater): void {
  const bytes = formatSlot(turn, mark)
  const written = writeSync(file, bytes, 0, SLOT_BYTES, (turn % SLOTS) * SLOT_BYTES)
  if (written !== SLOT_BYTES) throw Object.assign(new Error('short write'), { code: 'ENOSPC' })
}

function formatSlot(turn: number, mark: HighWater): Buffer {
  const text = JSON.stringify({ version: 1, turn, ...mark })
  return Buffer.from(`${checksum(text)} ${text}`.padEnd(SLOT_BYTES - 1).concat('\n'))
}

/** @returns `undefined` for an empty file */
function readSlots(file: number): { readonly highest: HighWater; readonly turn: number } | undefined {
  const stat = fstatSync(file)
  if (stat.isFile() && stat.size === 0) return undefined
  const bytes = Buffer.alloc(SLOT_BYTES * SLOTS)
  const size = stat.isFile() ? readSync(file, bytes, 0, bytes.length, 0) : 0
  const slots = Array.from({ length: SLOTS }, (_, slot) =>
    parseSlot(bytes.subarray(0, size).toString('latin1', slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES)),
  ).filter((slot) => slot !== undefined)
  const newest = slots.sort((one, other) => other.turn - one.turn)[0]
  if (newest === undefined) {
    throw new StoreError('ERR_STORE_MARK', `file ${HIGH_WATER_FILE} of the data folder is damaged`)
  }
  const { turn, revision, reserved, time } = newest
  return { highest: { revision, reserved, time }, turn }
}

function parseSlot(text: string): (HighWater & { readonly turn: number }) | undefined {
  const [sum, json] = [text.slice(0, 64), text.slice(65).trimEnd()]
  if (checksum(json) !== sum) return undefined
  const { version, turn, revision, reserved, time } = JSON.parse(json) as Record<string, unknown>
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
  if (version !== 1 || !isCount(turn) || !isCount(revision) || !isCount(reserved) || !isCount(time)) return undefined
  return { turn, revision, reserved, time }
}

function checksum(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex')
}

function translating<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asUnwritable(error)
  }
}

function asUnwritable(cause: unknown): StoreError {
  const detail = `${HIGH_WATER_FILE}: ${String((cause as NodeJS.ErrnoException).code ?? '')}`
  return new StoreError('ERR_STORE_UNWRITABLE', 'store cannot be read or written', { detail, cause })
}
