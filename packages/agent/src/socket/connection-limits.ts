export interface ConnectionLimits {
  readonly total: number
  readonly perUid: number
}

/** Counts open connections, in all and by user, so that one user's programs cannot lock out the others'. */
export class ConnectionCounter {
  readonly #limits: ConnectionLimits
  readonly #byUid = new Map<number, number>()
  #total = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  get total(): number {
    return this.#total
  }

  /** Counts one more, or says that there is no room. */
  tryAdd(uid: number): boolean {
    const own = this.#byUid.get(uid) ?? 0
    if (this.#total >= this.#limits.total || own >= this.#limits.perUid) return false
    this.#total += 1
    this.#byUid.set(uid, own + 1)
    return true
  }

  remove(uid: number): void {
    const own = this.#byUid.get(uid)
    if (own === undefined) return
    this.#total -= 1
    if (own === 1) this.#byUid.delete(uid)
    else this.#byUid.set(uid, own - 1)
  }
}
