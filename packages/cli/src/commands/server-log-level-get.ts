import type { LogLevels } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import type { OutputFormat } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printLogLevels } from './log-level-page.ts'

type Options = AdminOptions & { readonly output: OutputFormat }

export function addServerLogLevelGet(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'get', {
    does: 'show from which level the running server logs',
    example: 'server log-level get',
  })
  addAdminSocketOption(command).action(async (options: Options) => {
    printLogLevels(context, options, await openAdminClient(context, options).get<LogLevels>('/v1/log-level'))
  })
}
