import type { CaseExecutor } from './isolated-executor.ts'
import { skipReason } from './skip-reason.ts'
import type { Expectation, TestCase } from './test-case.ts'

export interface Selection {
  readonly area?: string
  readonly level?: string
}

export interface CaseReport {
  readonly id: string
  readonly area: string
  readonly level: string
  readonly expect: Expectation
  /** `null` when the case was skipped. */
  readonly got: Expectation | 'error' | null
  /** The product's own error code, when it rejected. */
  readonly code: string | null
  readonly reason: string
  readonly ok: boolean
  readonly remark?: string
  /** Why the case was not run. */
  readonly skipped?: string
}

export interface ConformanceReport {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly cases: readonly CaseReport[]
}

/** Runs the selected cases in order. A skipped case is neither passed nor failed. */
export async function runCases(
  cases: readonly TestCase[],
  selection: Selection,
  executor: CaseExecutor,
): Promise<ConformanceReport> {
  const reports: CaseReport[] = []
  for (const testCase of cases) {
    if (isSelected(testCase, selection)) reports.push(await runCase(testCase, executor))
  }
  return {
    passed: reports.filter(({ ok }) => ok).length,
    failed: reports.filter(({ ok, skipped }) => !ok && skipped === undefined).length,
    skipped: reports.filter(({ skipped }) => skipped !== undefined).length,
    cases: reports,
  }
}

function isSelected({ area, level }: TestCase, selection: Selection): boolean {
  return (selection.area ?? area) === area && (selection.level ?? level) === level
}

async function runCase(testCase: TestCase, executor: CaseExecutor): Promise<CaseReport> {
  const { id, area, level, expect, reason } = testCase
  const skipped = skipReason(testCase)
  if (skipped !== undefined) return { id, area, level, expect, got: null, code: null, reason, ok: false, skipped }
  const { got, code, ok, remark } = await executor.execute(testCase)
  return { id, area, level, expect, got, code, reason, ok, ...(remark === undefined ? {} : { remark }) }
}
