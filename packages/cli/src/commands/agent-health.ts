import type { HealthReport } from '@countersign/api'
import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { addOperatorSocketOption, askAgent, type OperatorOptions } from '../operator/operator-client.ts'
import type { OutputFormat } from '../output.ts'
import { addVerb } from '../verb.ts'
import { reportHealth } from './health-page.ts'

export function addAgentHealth(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'health', {
    does: 'tell whether the running agent of this host can serve programs; exits with 1 when it cannot',
    example: 'agent health --operator-socket ./agent/operator.sock',
  })
  addOperatorSocketOption(command).action(async (options: OperatorOptions & { readonly output: OutputFormat }) => {
    const report = await askAgent<HealthReport>(context, options, '/v1/health')
    reportHealth(context, options, 'agent', report)
  })
}
