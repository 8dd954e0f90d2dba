import { type Check, type Level, SkipCheck } from './check.ts'
import type { Probe } from './probe.ts'
import { safeDetail } from './transport/ending.ts'

/** `warn` is what a failed SHOULD or hardening check is: the server may have its reasons. */
export type Outcome = 'pass' | 'fail' | 'warn' | 'skip'

export interface CheckReport {
  readonly id: string
  readonly level: Level
  readonly title: string
  readonly section: string
  readonly outcome: Outcome
  /** Why it was skipped. */
  readonly reason?: string
  /** With `fail` and `warn`. */
  readonly expected?: string
  readonly seen?: string
  readonly milliseconds: number
}

export interface SuiteReport {
  readonly passed: number
  readonly failed: number
  readonly warned: number
  readonly skipped: number
  readonly checks: readonly CheckReport[]
}

type Result = Pick<CheckReport, 'outcome' | 'reason' | 'expected' | 'seen' | 'milliseconds'>

export interface RunOptions {
  /** Which checks to report; those they need run as well. */
  readonly isSelected: (check: Check) => boolean
  readonly onResult: (report: CheckReport, done: number, of: number) => void
}

/** Runs checks in their order, each once, one after the other: some of them load the server on purpose. */
export async function runChecks(checks: readonly Check[], probe: Probe, options: RunOptions): Promise<SuiteReport> {
  const byId = new Map(checks.map((check) => [check.id, check]))
  const results = new Map<string, Result>()
  const resultOf = async (check: Check): Promise<Result> => {
    const known = results.get(check.id)
    if (known !== undefined) return known
    const result = (await missingNeed(check)) ?? (await look(check, probe))
    results.set(check.id, result)
    return result
  }
  const missingNeed = async ({ needs = [] }: Check): Promise<Result | undefined> => {
    for (const id of needs) {
      const needed = byId.get(id)
      if (needed === undefined) throw new TypeError(`no check ${id}`)
      const { outcome, reason } = await resultOf(needed)
      if (outcome === 'skip') return skipped(reason ?? `${id} was skipped`)
      if (outcome !== 'pass') return skipped(`${id} did not pass`)
    }
    return undefined
  }

  const selected = checks.filter(options.isSelected)
  const reports: CheckReport[] = []
  for (const check of selected) {
    const { id, level, title, section } = check
    const report = { id, level, title, section, ...(await resultOf(check)) }
    reports.push(report)
    options.onResult(report, reports.length, selected.length)
  }
  return summarize(reports)
}

function skipped(reason: string): Result {
  return { outcome: 'skip', reason, milliseconds: 0 }
}

async function look({ level, expected, look: find }: Check, probe: Probe): Promise<Result> {
  const start = performance.now()
  const elapsed = () => Math.round(performance.now() - start)
  try {
    const seen = await find(probe)
    if (seen === undefined) return { outcome: 'pass', milliseconds: elapsed() }
    return { outcome: level === 'MUST' ? 'fail' : 'warn', expected, seen: safeDetail(seen), milliseconds: elapsed() }
  } catch (error) {
    if (error instanceof SkipCheck) return { ...skipped(error.message), milliseconds: elapsed() }
    // A server that hangs up on a check has not met it; a fault of the suite must not look like a pass either.
    const seen = safeDetail(error instanceof Error ? error.message : String(error))
    return { outcome: level === 'MUST' ? 'fail' : 'warn', expected, seen, milliseconds: elapsed() }
  }
}

function summarize(checks: readonly CheckReport[]): SuiteReport {
  const count = (outcome: Outcome) => checks.filter((check) => check.outcome === outcome).length
  return { passed: count('pass'), failed: count('fail'), warned: count('warn'), skipped: count('skip'), checks }
}
