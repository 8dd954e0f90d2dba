import type { HealthReport } from '@countersign/api'
import type { CommandContext } from '../command-context.ts'
import { EXIT } from '../exit.ts'
import { type OutputFormat, openOutput } from '../output.ts'

/** Prints what a program says of its health. Exits with 1 when it is not ready, as probes want it. */
export function reportHealth(
  context: CommandContext,
  options: { readonly output: OutputFormat },
  program: string,
  report: HealthReport,
): void {
  openOutput(context, options).result(report, (page) => {
    page.line(`${program} is ${report.ready ? 'ready' : 'not ready'}`)
    page.table(
      ['CHECK', 'STATUS', 'REASON'],
      report.checks.map(({ name, status, reason = '' }) => [name, status, reason]),
    )
  })
  if (!report.ready) context.exitCode = EXIT.failed
}
