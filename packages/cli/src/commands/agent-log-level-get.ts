import type { LogLevels } from '@countersign/api'
import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { addOperatorSocketOption, callAgent, type OperatorOptions } from '../operator/operator-client.ts'
import type { OutputFormat } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printLogLevels } from './log-level-page.ts'

type Options = OperatorOptions & { readonly output: OutputFormat }

export function addAgentLogLevelGet(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'get', {
    does: 'show from which level the running agent logs',
    example: 'agent log-level get',
  })
  addOperatorSocketOption(command).action(async (options: Options) => {
    printLogLevels(
      context,
      options,
      await callAgent<LogLevels>(context, options, { method: 'GET', path: '/v1/log-level' }),
    )
  })
}
