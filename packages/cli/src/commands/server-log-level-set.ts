import type { LogLevels } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { addLevelArguments, type LogLevelOptions, toLogLevelChange } from '../options/log-level-options.ts'
import type { OutputFormat } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printLogLevels } from './log-level-page.ts'

type Options = AdminOptions & LogLevelOptions & { readonly output: OutputFormat }

export function addServerLogLevelSet(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'set', {
    does: 'change what the running server logs',
    example: 'server log-level set debug --component federation --for 10m',
  })
  addAdminSocketOption(addLevelArguments(command)).action(async (level: string, options: Options) => {
    const levels = await openAdminClient(context, options).put<LogLevels>(
      '/v1/log-level',
      toLogLevelChange(level, options),
    )
    printLogLevels(context, options, levels)
  })
}
