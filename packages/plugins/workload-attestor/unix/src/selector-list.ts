import type { Selector } from '@countersign/plugin-kit'

export const SELECTOR_TYPE = 'unix'

/** The most a selector may hold anywhere in the system. */
const MAX_VALUE_LENGTH = 4096
const UNSAFE = /\p{Cc}/u

/** Collects the selectors of one process; what cannot be one is passed to `omit` with the reason. */
export class SelectorList {
  readonly #values = new Set<string>()
  readonly #omit: (selector: string, reason: string) => void

  constructor(omit: (selector: string, reason: string) => void) {
    this.#omit = omit
  }

  /** Adds `name:value`. A path may hold line breaks or be absurdly long; such a selector could not be written down. */
  add(name: string, value: string | number): void {
    const text = `${name}:${value}`
    if (text.length > MAX_VALUE_LENGTH) this.#omit(name, `longer than ${MAX_VALUE_LENGTH} characters`)
    else if (UNSAFE.test(text)) this.#omit(name, 'holds control characters')
    else this.#values.add(text)
  }

  omit(name: string, reason: string): void {
    this.#omit(name, reason)
  }

  toSelectors(): readonly Selector[] {
    return [...this.#values].map((value) => ({ type: SELECTOR_TYPE, value }))
  }
}
