import type { Entry } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient, pathSegment } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printEntry } from './entry-page.ts'

export function addEntryShow(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'show', {
    does: 'show one entry in full',
    example: 'entry show 6f1c2a9e',
  }).argument('<entry>', 'id of the entry, as `entry list` shows it')
  addAdminSocketOption(command).action(
    async (id: string, options: AdminOptions & { readonly output: OutputFormat }) => {
      const entry = await openAdminClient(context, options).get<Entry>(`/v1/entries/${pathSegment(id)}`)
      openOutput(context, options).result(entry, (page) => printEntry(page, entry, context.clock.now()))
    },
  )
}
