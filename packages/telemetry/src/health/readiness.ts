import type { Clock } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'

/** One thing that must be so for a program to do its work. */
export interface ReadinessCheck {
  /** Lower case, with hyphens: `store`. */
  readonly name: string
  /** `false`: a failure is told, and the program counts as ready all the same. Default `true`. */
  readonly isRequired?: boolean
  /** @returns why not, for the operator; `undefined` when all is well. What it throws counts as a reason too. */
  check(): Promise<string | undefined> | string | undefined
}

export interface CheckResult {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'failed'
  readonly reason?: string
}

export interface ReadinessReport {
  readonly ready: boolean
  readonly checks: readonly CheckResult[]
}

export interface ReadinessOptions {
  readonly clock: Clock
  /** A check that takes longer has failed. Default 5 seconds. */
  readonly patienceMs?: number
}

const PATIENCE_MS = 5_000
/** Anyone may ask, as often as they like; the checks cost what they cost no more often than this. */
const FRESH_SECONDS = 1

/** Whether a program can do its work now, by checks that its parts add. A program without a single check is not ready. */
export class Readiness {
  readonly #clock: Clock
  readonly #patienceMs: number
  readonly #checks: ReadinessCheck[] = []
  #last: { readonly at: number; readonly report: Promise<ReadinessReport> } | undefined

  constructor({ clock, patienceMs = PATIENCE_MS }: ReadinessOptions) {
    this.#clock = clock
    this.#patienceMs = patienceMs
  }

  /** @throws TypeError when there is a check of that name */
  add(check: ReadinessCheck): void {
    if (this.#checks.some(({ name }) => name === check.name)) throw new TypeError(`check is there twice: ${check.name}`)
    this.#checks.push(check)
    this.#last = undefined
  }

  /** All checks, at once. What was found within the last second is given again. */
  report(): Promise<ReadinessReport> {
    const now = this.#clock.now()
    const last = this.#last
    // A clock that was set back must not keep an old report.
    if (last !== undefined && now >= last.at && now - last.at < FRESH_SECONDS) return last.report
    const report = this.#runAll()
    this.#last = { at: now, report }
    return report
  }

  async #runAll(): Promise<ReadinessReport> {
    const checks = await Promise.all(this.#checks.map((check) => this.#run(check)))
    return { ready: checks.length > 0 && checks.every(({ status }) => status !== 'failed'), checks }
  }

  async #run(check: ReadinessCheck): Promise<CheckResult> {
    const { name, isRequired = true } = check
    const reason = await this.#inTime(async () => check.check())
    return reason === undefined ? { name, status: 'ok' } : { name, status: isRequired ? 'failed' : 'warning', reason }
  }

  #inTime(check: () => Promise<string | undefined>): Promise<string | undefined> {
    return new Promise((resolve) => {
      const cancel = this.#clock.schedule(this.#patienceMs, () =>
        resolve(`no answer within ${this.#patienceMs / 1000} seconds`),
      )
      check()
        .catch((error: unknown) => errorCode(error) ?? 'check failed unexpectedly')
        .then((reason) => {
          cancel()
          resolve(reason)
        })
    })
  }
}
