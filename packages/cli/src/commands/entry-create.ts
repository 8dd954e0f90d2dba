import type { Entry } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import {
  addOptionalEntryOptions,
  addRequiredEntryOptions,
  type EntryOptions,
  entryFields,
} from '../options/entry-options.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printEntry } from './entry-page.ts'

export function addEntryCreate(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'create', {
    does: 'say which programs, on which node, are a workload',
    example: [
      'entry create --id spiffe://example.org/web \\',
      '      --parent spiffe://example.org/countersign/agent/node-1 --selector unix:uid:1000',
    ].join('\n  '),
  })
  addRequiredEntryOptions(command, true)
  addOptionalEntryOptions(command)
    .option('--admin', 'the workload may use the admin API')
    .option('--downstream', 'the workload may run a subordinate authority')
  addAdminSocketOption(command).action(
    async (options: EntryOptions & AdminOptions & { readonly output: OutputFormat }) => {
      const entry = await openAdminClient(context, options).post<Entry>('/v1/entries', entryFields(options))
      openOutput(context, options).result(entry, (page) => printEntry(page, entry, context.clock.now()))
    },
  )
}
