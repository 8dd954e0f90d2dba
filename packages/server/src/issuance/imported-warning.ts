import type { Clock, Logger } from '@countersign/plugin-kit'
import type { Authority } from '../store/authority-store.ts'

const REPEAT_SECONDS = 3600
/** Of the lifetime. */
const LAST_CHANCE = 1 / 6

/**
 * A certificate authority that was signed by hand is not followed by a root of our own making: nobody asked for one. The
 * operator is told in time that it needs a successor.
 */
export class ImportedWarning {
  readonly #clock: Clock
  readonly #log: Logger
  #said = { at: Number.NEGATIVE_INFINITY, isLate: false }

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
  }

  /** @param authorities of one kind. @returns whether no successor may be made */
  mustWait(authorities: readonly Authority[]): boolean {
    const active = authorities.find(({ state }) => state === 'active')
    if (active?.upstream?.isImported !== true) return false
    const now = this.#clock.now()
    const isLate = active.notAfter - now < (active.notAfter - active.notBefore) * LAST_CHANCE
    if (now < this.#said.at + REPEAT_SECONDS && isLate === this.#said.isLate) return true
    this.#said = { at: now, isLate }
    const fields = {
      authorityId: active.id,
      tooLateAt: new Date(active.notAfter * 1000).toISOString(),
      needs: 'countersign authority prepare x509 --csr-file, then countersign authority import',
    }
    const text = 'certificate authority was signed by hand and needs a successor'
    if (isLate) this.#log.error(fields, text)
    else this.#log.warn(fields, text)
    return true
  }
}
