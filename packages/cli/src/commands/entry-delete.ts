import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient, pathSegment } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'

export function addEntryDelete(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'delete', {
    does: 'delete an entry; its credentials are not renewed',
    example: 'entry delete 6f1c2a9e',
  }).argument('<entry>', 'id of the entry, as `entry list` shows it')
  addAdminSocketOption(command).action(
    async (id: string, options: AdminOptions & { readonly output: OutputFormat }) => {
      await openAdminClient(context, options).delete(`/v1/entries/${pathSegment(id)}`)
      openOutput(context, options).result({ deleted: id }, (page) => page.line(`deleted entry ${id}`))
    },
  )
}
