import type { LogLevelReset, LogLevels } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { addComponentOption, type LogLevelOptions } from '../options/log-level-options.ts'
import type { OutputFormat } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printLogLevels } from './log-level-page.ts'

type Options = AdminOptions & LogLevelOptions & { readonly output: OutputFormat }

export function addServerLogLevelReset(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'reset', {
    does: 'have the running server log as its configuration says',
    example: 'server log-level reset',
  })
  addAdminSocketOption(addComponentOption(command)).action(async (options: Options) => {
    const { component } = options
    const body: LogLevelReset = component === undefined ? {} : { component }
    const levels = await openAdminClient(context, options).post<LogLevels>('/v1/log-level/reset', body)
    printLogLevels(context, options, levels)
  })
}
