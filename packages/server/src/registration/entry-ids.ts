import type { Clock } from '@countersign/plugin-kit'
import type { CryptoBackend } from '@countersign/protocol'

const RANDOM_BYTES = 9

/**
 * Names for entries that sort in the order in which they were made. A program's default identity is that of its oldest
 * entry, and entries of one second, as of one file, have no other order.
 */
export class EntryIds {
  readonly #clock: Clock
  readonly #crypto: Pick<CryptoBackend, 'randomBytes'>
  #second = 0
  #count = 0

  constructor(clock: Clock, crypto: Pick<CryptoBackend, 'randomBytes'>) {
    this.#clock = clock
    this.#crypto = crypto
  }

  /** 32 hexadecimal digits: the second, a count within it, and random ones that nobody can guess. */
  next(): string {
    const now = this.#clock.now()
    this.#count = now === this.#second ? this.#count + 1 : 0
    this.#second = now
    const random = Buffer.from(this.#crypto.randomBytes(RANDOM_BYTES)).toString('hex')
    return now.toString(16).padStart(8, '0') + this.#count.toString(16).padStart(6, '0') + random
  }
}
