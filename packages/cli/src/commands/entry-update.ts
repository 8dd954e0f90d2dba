import type { Entry } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient, pathSegment } from '../admin-client.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import {
  addClearOption,
  addOptionalEntryOptions,
  addRequiredEntryOptions,
  type EntryOptions,
  entryFields,
} from '../options/entry-options.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printEntry } from './entry-page.ts'

export function addEntryUpdate(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'update', {
    does: 'replace or clear the named fields of an entry; the others stay',
    example: 'entry update 6f1c2a9e --x509-svid-ttl 30m --no-admin --clear expiresAt',
  }).argument('<entry>', 'id of the entry, as `entry list` shows it')
  addRequiredEntryOptions(command, false)
  addClearOption(addOptionalEntryOptions(command))
    .option('--admin', 'the workload may use the admin API')
    .option('--no-admin', 'the workload may not use the admin API')
    .option('--downstream', 'the workload may run a subordinate authority')
    .option('--no-downstream', 'the workload may not run a subordinate authority')
  addAdminSocketOption(command).action(
    async (id: string, options: EntryOptions & AdminOptions & { readonly output: OutputFormat }) => {
      const change = entryFields(options)
      const twice = options.clear?.find((field) => entryFields({ ...options, clear: [] })[field] !== undefined)
      if (twice !== undefined) throw new CliError('ERR_CLI_USAGE', `"${twice}" is both given and cleared`)
      if (Object.keys(change).length === 0) throw new CliError('ERR_CLI_USAGE', 'no field to replace was given')
      const entry = await openAdminClient(context, options).patch<Entry>(`/v1/entries/${pathSegment(id)}`, change)
      openOutput(context, options).result(entry, (page) => printEntry(page, entry, context.clock.now()))
    },
  )
}
