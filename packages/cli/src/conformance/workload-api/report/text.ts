import type { Page } from '../../../output.ts'
import type { CheckReport, SuiteReport } from '../run-checks.ts'

/** What a person reads: the checks that did not pass, why, and the sum. */
export function printReport(page: Page, report: SuiteReport): void {
  const notable = report.checks.filter(({ outcome }) => outcome !== 'pass')
  if (notable.length > 0) {
    page.table(
      ['outcome', 'check', 'level', 'what'],
      notable.map((each) => [each.outcome, each.id, each.level, remarks(each)]),
    )
    page.line()
  }
  const { passed, failed, warned, skipped } = report
  page.line(`${passed} passed, ${failed} failed, ${warned} warnings, ${skipped} skipped`)
  if (failed === 0) page.line('no MUST failed')
}

function remarks({ title, section, reason, expected, seen }: CheckReport): readonly string[] {
  if (reason !== undefined) return [title, `skipped: ${reason}`]
  return [title, `expected ${expected}`, `seen     ${seen}`, `see      ${section}`]
}
