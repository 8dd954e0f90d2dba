import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'

export function addServerValidate(parent: Command, context: CommandContext): void {
  addVerb(parent, 'validate', {
    does: 'check a configuration and its exchange rules without starting anything',
    example: 'server validate --config server.yaml',
  })
    .requiredOption('--config <file>', 'YAML configuration')
    .action(async (options: { readonly config: string; readonly output: OutputFormat }) => {
      const server = await (await context.modules.server()).load(options.config, context.env)
      await server.check?.()
      openOutput(context, options).result({ valid: true }, (page) => page.line('configuration is valid'))
    })
}
