/** So many at a time; the others wait in the order they came. */
export class Turns {
  readonly #max: number
  readonly #maxWaiting: number
  readonly #waiting: ((isOpen: boolean) => void)[] = []
  readonly #idle: (() => void)[] = []
  #taken = 0
  #isClosed = false

  constructor(max: number, maxWaiting: number) {
    this.#max = max
    this.#maxWaiting = maxWaiting
  }

  /** @returns `closed` and `full` when there will be no turn; otherwise `end` must be called */
  async begin(): Promise<'begun' | 'closed' | 'full'> {
    if (this.#isClosed) return 'closed'
    if (this.#taken < this.#max) {
      this.#taken++
      return 'begun'
    }
    if (this.#waiting.length >= this.#maxWaiting) return 'full'
    return (await new Promise<boolean>((resolve) => this.#waiting.push(resolve))) ? 'begun' : 'closed'
  }

  /** Hands the turn to the next one: nobody who comes now gets it first. */
  end(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#taken--
    else next(true)
    if (this.#taken === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Turns away everybody who waits or comes. */
  close(): void {
    this.#isClosed = true
    for (const next of this.#waiting.splice(0)) next(false)
  }

  /** Resolves when no turn is taken. */
  idle(): Promise<void> {
    return this.#taken === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }
}
