/** What a label may say. Without a bound, whoever can choose a value could make the program keep series without end. */
export interface LabelRule {
  readonly values: readonly string[]
  /**
   * Others of this shape too, the first so many of them. Not for what strangers choose: they would take the places of
   * those that matter.
   */
  readonly more?: { readonly pattern: RegExp; readonly most: number }
}

/** Stands for every value that its rule does not let through. */
export const OTHER = 'other'

export function oneOf(...values: readonly string[]): LabelRule {
  return { values }
}

export function anyOf(pattern: RegExp, most: number, ...values: readonly string[]): LabelRule {
  return { values, more: { pattern, most } }
}

/** Lets values through for one label of one metric. */
export class LabelGate {
  readonly #rule: LabelRule
  readonly #seen: Set<string>

  constructor(rule: LabelRule) {
    this.#rule = rule
    this.#seen = new Set(rule.values)
  }

  admit(value: string): string {
    if (this.#seen.has(value)) return value
    const { more, values } = this.#rule
    if (more === undefined || this.#seen.size - values.length >= more.most || !more.pattern.test(value)) return OTHER
    this.#seen.add(value)
    return value
  }
}

/** Of errors: our own codes, which are in the source and so are not many. */
export const REASON = anyOf(/^ERR_[A-Z0-9_]{1,64}$/, 128)
/** The same where it may have gone well. */
export const REASON_OR_NONE = anyOf(/^ERR_[A-Z0-9_]{1,64}$/, 128, 'none')
