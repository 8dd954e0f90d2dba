/** One thing a suite looked at. `detail` is what it saw, or why that is wrong. */
export interface Check {
  readonly check: string
  readonly ok: boolean
  readonly detail: string
}

/** Collects what every suite found, prints it as it comes, and counts. */
export class CheckReport {
  readonly #print: (line: string) => void
  #passed = 0
  #failed = 0
  #skipped = 0

  constructor(print: (line: string) => void) {
    this.#print = print
  }

  get failed(): number {
    return this.#failed
  }

  add({ check, ok, detail }: Check): void {
    if (ok) this.#passed += 1
    else this.#failed += 1
    this.#print(`  ${ok ? 'passed' : 'FAILED'} ${check}: ${detail}`)
  }

  skip(suite: string, reason: string): void {
    this.#skipped += 1
    this.#print(`skipped ${suite}: ${reason}`)
  }

  /** The last line of a run; other programs read it. */
  summary(): string {
    return `${this.#passed} passed, ${this.#failed} failed, ${this.#skipped} skipped`
  }
}

/** Reads what a foreign program prints: one JSON object per line. @returns `undefined` for a line that is no check */
export function parseCheck(line: string): Check | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { check, ok, detail } = value as Record<string, unknown>
  if (typeof check !== 'string' || typeof ok !== 'boolean' || typeof detail !== 'string') return undefined
  return { check, ok, detail }
}
