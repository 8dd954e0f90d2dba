import type { LogLevelReset, LogLevels } from '@countersign/api'
import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { addOperatorSocketOption, callAgent, type OperatorOptions } from '../operator/operator-client.ts'
import { addComponentOption, type LogLevelOptions } from '../options/log-level-options.ts'
import type { OutputFormat } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printLogLevels } from './log-level-page.ts'

type Options = OperatorOptions & LogLevelOptions & { readonly output: OutputFormat }

export function addAgentLogLevelReset(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'reset', {
    does: 'have the running agent log as its configuration says',
    example: 'agent log-level reset',
  })
  addOperatorSocketOption(addComponentOption(command)).action(async (options: Options) => {
    const { component } = options
    const body: LogLevelReset = component === undefined ? {} : { component }
    const levels = await callAgent<LogLevels>(context, options, { method: 'POST', path: '/v1/log-level/reset', body })
    printLogLevels(context, options, levels)
  })
}
