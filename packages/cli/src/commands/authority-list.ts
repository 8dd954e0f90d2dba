import type { AuthorityList } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printAuthorities, printUpstream } from './authority-page.ts'

export function addAuthorityList(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'list', {
    does: 'list signing authorities, and who still uses tainted ones',
    example: 'authority list',
  })
  addAdminSocketOption(command).action(async (options: AdminOptions & { readonly output: OutputFormat }) => {
    const list = await openAdminClient(context, options).get<AuthorityList>('/v1/authorities')
    openOutput(context, options).result(list, (page) => {
      printAuthorities(page, list.authorities, context.clock.now())
      printUpstream(page, list.upstream, context.clock.now())
    })
  })
}
