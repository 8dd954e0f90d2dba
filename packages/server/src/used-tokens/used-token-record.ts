import { KEY_WORDS, type TokenKey } from './used-token-table.ts'

/** What a record says: a token was used; this file has all that those before it had; it was closed in good order. */
export const RECORD = { used: 1, complete: 2, closed: 3 } as const

const WORDS = 8
/** A power of two, so that none lies across two pages of a file. */
export const RECORD_BYTES = WORDS * 4

export interface UsedTokenRecord {
  readonly kind: number
  readonly key: TokenKey
  readonly end: number
  readonly sender: number
}

/** Writes and reads records one after another in a piece of memory. Little endian, as the processors that run Node are. */
export class RecordBuffer {
  readonly bytes: Buffer
  readonly #words: Uint32Array

  constructor(records: number) {
    const memory = new ArrayBuffer(records * RECORD_BYTES)
    this.bytes = Buffer.from(memory)
    this.#words = new Uint32Array(memory)
  }

  put(index: number, kind: number, key: TokenKey, end: number, sender: number): void {
    const words = this.#words
    const at = index * WORDS
    words.set(key, at)
    words[at + 4] = end
    words[at + 5] = sender
    words[at + 6] = kind
    words[at + 7] = checksum(words, at)
  }

  /** @returns `undefined` for what is no record: memory that was never written, a page that was lost */
  get(index: number): UsedTokenRecord | undefined {
    const words = this.#words
    const at = index * WORDS
    if (words[at + 7] !== checksum(words, at)) return undefined
    return {
      kind: words[at + 6] as number,
      key: words.subarray(at, at + KEY_WORDS),
      end: words[at + 4] as number,
      sender: words[at + 5] as number,
    }
  }
}

/** Against accidents, not against people: whoever can write here can do anything. */
function checksum(words: Uint32Array, at: number): number {
  let sum = 0x811c_9dc5
  for (let index = at; index < at + WORDS - 1; index++) {
    sum = Math.imul(sum ^ (words[index] as number), 0x0100_0193)
    sum ^= sum >>> 13
  }
  return sum >>> 0
}
