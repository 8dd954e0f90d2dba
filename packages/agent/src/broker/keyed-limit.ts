/** Counts what is in use, in all and by key, so that one holder cannot take what is meant for all. */
export class KeyedLimit {
  readonly #limits: { readonly total: number; readonly perKey: number }
  readonly #byKey = new Map<string, number>()
  #total = 0

  constructor(limits: { readonly total: number; readonly perKey: number }) {
    this.#limits = limits
  }

  get total(): number {
    return this.#total
  }

  /** @returns gives the place back, once however often it is called; `undefined` when there is no room */
  take(key: string): (() => void) | undefined {
    const own = this.#byKey.get(key) ?? 0
    if (this.#total >= this.#limits.total || own >= this.#limits.perKey) return undefined
    this.#total += 1
    this.#byKey.set(key, own + 1)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#giveBack(key)
    }
  }

  #giveBack(key: string): void {
    this.#total -= 1
    const left = (this.#byKey.get(key) ?? 1) - 1
    if (left === 0) this.#byKey.delete(key)
    else this.#byKey.set(key, left)
  }
}
