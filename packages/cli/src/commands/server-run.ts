import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { runProgram } from '../programs/run-program.ts'
import { withExample } from '../verb.ts'

/** Has no `--output`: its result is a running program, and what it reports is its log. */
export function addServerRun(parent: Command, context: CommandContext): void {
  const command = parent
    .command('run')
    .description('run the server until SIGTERM or SIGINT')
    .requiredOption('--config <file>', 'YAML configuration')
    .action(async (options: { readonly config: string }) => {
      await runProgram('server', await context.modules.server(), options.config, context)
    })
  withExample(command, { example: 'server run --config server.yaml' })
}
