import type { Clock } from '@countersign/plugin-kit'

const MAX_LINES = 10
const WINDOW_SECONDS = 60
const MAX_SUBJECTS = 1024

interface Window {
  since: number
  lines: number
  left: number
}

/** Keeps callers from filling the log: so many lines a minute for one subject, such as one user's failures of one kind. */
export class LogLimit {
  readonly #clock: Clock
  readonly #windows = new Map<string, Window>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * @returns fields to add to the line, among them how many `more` there were since the last; `undefined`: write nothing
   */
  admit(subject: string): { readonly more?: number } | undefined {
    const window = this.#windowOf(subject)
    if (window.lines >= MAX_LINES) {
      window.left += 1
      return undefined
    }
    window.lines += 1
    const more = window.left
    window.left = 0
    return more === 0 ? {} : { more }
  }

  #windowOf(subject: string): Window {
    const now = this.#clock.now()
    // Beyond the limit all share one window: user ids can be had by the thousand.
    if (!this.#windows.has(subject) && this.#windows.size >= MAX_SUBJECTS) {
      for (const [each, { since }] of this.#windows) if (isOver(since, now)) this.#windows.delete(each)
    }
    const name = this.#windows.has(subject) || this.#windows.size < MAX_SUBJECTS ? subject : ''
    const window = this.#windows.get(name) ?? { since: now, lines: 0, left: 0 }
    if (isOver(window.since, now)) Object.assign(window, { since: now, lines: 0 })
    this.#windows.set(name, window)
    return window
  }
}

/** A clock that was set back ends a window too. */
function isOver(since: number, now: number): boolean {
  return now < since || now - since >= WINDOW_SECONDS
}
