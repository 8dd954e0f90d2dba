import type { LogLevels } from '@countersign/api'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { timeText } from '../terminal/time-text.ts'

export function printLogLevels(
  context: CommandContext,
  options: { readonly output: OutputFormat },
  levels: LogLevels,
): void {
  openOutput(context, options).result(levels, (page) => {
    const now = context.clock.now()
    const until = (at: number | undefined) => (at === undefined ? '' : `until ${timeText(at, now)}`)
    page.fields([
      ['configured', levels.configured],
      ['at present', [levels.level, until(levels.until)].filter((text) => text !== '')],
    ])
    page.line()
    page.table(
      ['COMPONENT', 'LEVEL', ''],
      levels.components.map((each) => [each.name, each.level, until(each.until)]),
    )
  })
}
