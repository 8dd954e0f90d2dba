import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import type { CaseReport } from '../conformance/runner.ts'
import { EXIT } from '../exit.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'

interface Options {
  readonly area?: string
  readonly level?: string
  readonly json?: true
  readonly output: OutputFormat
}

export function addConformanceRun(parent: Command, context: CommandContext): void {
  addVerb(parent, 'run', {
    does: 'replay conformance cases through this program; fetches nothing',
    example: 'conformance run conformance/cases --area wpt --level MUST',
  })
    .argument('<path...>', 'files or folders in the format countersign-conformance/v1')
    .option('--area <area>', 'only cases of this area')
    .option('--level <level>', 'only cases of this level')
    .option('--json', 'same as --output json')
    .action(async (paths: readonly string[], options: Options) => {
      const [{ readCases }, { runCases }, { IsolatedExecutor }] = await Promise.all([
        import('../conformance/read-cases.ts'),
        import('../conformance/runner.ts'),
        import('../conformance/isolated-executor.ts'),
      ])
      const cases = await readCases(paths)
      const executor = new IsolatedExecutor()
      const report = await runCases(cases, options, executor).finally(() => executor.close())
      if (report.failed > 0) context.exitCode = EXIT.failed
      openOutput(context, { output: options.json === true ? 'json' : options.output }).result(report, (page) => {
        for (const result of report.cases) if (!result.ok) page.line(describe(result))
        page.line(`${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`)
      })
    })
}

function describe(result: CaseReport): string {
  const { id, level, expect, reason, got, code, remark, skipped } = result
  if (skipped !== undefined) return `skipped ${id} (${level}): ${skipped}`
  const outcome = [`got ${got}`, code, remark].filter((part) => part !== null && part !== undefined).join(', ')
  return `failed  ${id} (${level}): expected ${expect} (${reason}), ${outcome}`
}
