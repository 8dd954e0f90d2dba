import type { EntryList } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import { selectorText } from '../options/parse-selector.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'

interface Options extends AdminOptions {
  readonly id?: string
  readonly parent?: string
  readonly output: OutputFormat
}

export function addEntryList(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'list', {
    does: 'list registration entries',
    example: 'entry list --parent spiffe://example.org/countersign/agent/node-1',
  })
    .option('--id <spiffe-id>', 'only entries of this workload', parseIdentifier)
    .option('--parent <spiffe-id>', 'only entries of this agent', parseIdentifier)
  addAdminSocketOption(command).action(async (options: Options) => {
    const query = { spiffeId: options.id, parentId: options.parent }
    const list = await openAdminClient(context, options).get<EntryList>('/v1/entries', query)
    openOutput(context, options).result(list, (page) => {
      if (list.entries.length === 0) return page.line('no entries')
      page.table(
        ['entry', 'spiffe id', 'parent', 'selectors'],
        list.entries.map((entry) => [entry.id, entry.spiffeId, entry.parentId, entry.selectors.map(selectorText)]),
      )
    })
  })
}
