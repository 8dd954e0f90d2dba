import type { LogLevels } from '@countersign/api'
import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { addOperatorSocketOption, callAgent, type OperatorOptions } from '../operator/operator-client.ts'
import { addLevelArguments, type LogLevelOptions, toLogLevelChange } from '../options/log-level-options.ts'
import type { OutputFormat } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printLogLevels } from './log-level-page.ts'

type Options = OperatorOptions & LogLevelOptions & { readonly output: OutputFormat }

export function addAgentLogLevelSet(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'set', {
    does: 'change what the running agent logs',
    example: 'agent log-level set debug --component issuance --for 10m',
  })
  addOperatorSocketOption(addLevelArguments(command)).action(async (level: string, options: Options) => {
    const levels = await callAgent<LogLevels>(context, options, {
      method: 'PUT',
      path: '/v1/log-level',
      body: toLogLevelChange(level, options),
    })
    printLogLevels(context, options, levels)
  })
}
