import type { RoleGrantList } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printRoles } from './role-page.ts'

export function addRoleList(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'list', { does: 'list who has which role over what', example: 'role list' })
  addAdminSocketOption(command).action(async (options: AdminOptions & { readonly output: OutputFormat }) => {
    const list = await openAdminClient(context, options).get<RoleGrantList>('/v1/role-grants')
    openOutput(context, options).result(list, (page) => printRoles(page, list.grants, context.clock.now()))
  })
}
