import type { Entry } from '@countersign/api'
import { WorkloadId } from '@countersign/protocol'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import { CliError } from '../cli-error.ts'
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
      [
        'entry create --id spiffe://example.org/web \\',
        '      --parent spiffe://example.org/countersign/agent/node-1 --selector unix:uid:1000',
      ].join('\n  '),
      'entry create --node --id spiffe://example.org/hosts/db --selector join_token:role:db',
    ],
  })
  addRequiredEntryOptions(command, true).option(
    '--node',
    'make a node alias: the identifier stands for every node with these selectors, and can be a parent',
  )
  addOptionalEntryOptions(command)
    .option('--admin', 'the workload may use the admin API')
    .option('--downstream', 'the workload may run a subordinate authority')
  addAdminSocketOption(command).action(
    async (options: EntryOptions & AdminOptions & { readonly node?: true; readonly output: OutputFormat }) => {
      const fields = { ...entryFields(options), parentId: parentOf(options) }
      const entry = await openAdminClient(context, options).post<Entry>('/v1/entries', fields)
      openOutput(context, options).result(entry, (page) => printEntry(page, entry, context.clock.now()))
    },
  )
}

/** The server itself is the parent of a node alias. */
function parentOf({ id = '', parent, node }: EntryOptions & { readonly node?: true }): string {
  if (node !== undefined && parent !== undefined) {
    throw new CliError('ERR_CLI_USAGE', 'give "--node" or "--parent", not both: a node alias has no other parent')
  }
  if (node !== undefined) return `${WorkloadId.parse(id).origin}/countersign/server`
  if (parent === undefined) throw new CliError('ERR_CLI_USAGE', 'give "--parent", or "--node" for a node alias')
  return parent
}
