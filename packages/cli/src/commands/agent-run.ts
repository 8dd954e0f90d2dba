import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { runProgram } from '../programs/run-program.ts'
import { withExample } from '../verb.ts'

/** Has no `--output`: its result is a running program, and what it reports is its log. */
export function addAgentRun(parent: Command, context: CommandContext): void {
  const command = parent
    .command('run')
    .description('run the agent until SIGTERM or SIGINT')
    .requiredOption('--config <file>', 'YAML configuration')
    .action(async (options: { readonly config: string }) => {
      await runProgram('agent', await context.modules.agent(), options.config, context)
    })
  withExample(command, { example: 'agent run --config agent.yaml' })
}
