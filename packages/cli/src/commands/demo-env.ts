import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { DemoError } from '../demo/demo-error.ts'
import { readNewestEnvironment } from '../demo/demo-folder.ts'
import { withExample } from '../verb.ts'

/** Has no `--output`: its result is shell, for `eval`. */
export function addDemoEnv(parent: Command, context: CommandContext): void {
  const command = parent
    .command('env')
    .description('print the sockets and addresses of the demo that runs on this machine, as shell variables')
    .action(() => {
      const environment = readNewestEnvironment()
      if (environment === undefined) throw new DemoError('ERR_DEMO_NOT_RUNNING', 'no demo of this user is running')
      context.stdout.write(environment)
    })
  withExample(command, { example: 'demo env' })
}
