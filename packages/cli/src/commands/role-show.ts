import type { RoleGrant } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient, pathSegment } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printRole } from './role-page.ts'

export function addRoleShow(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'show', {
    does: 'show a grant of a role in full',
    example: 'role show 6a1b0c2d000000aa11bb22cc33dd44ee',
  }).argument('<grant>', 'id of the grant, as `role list` shows it')
  addAdminSocketOption(command).action(
    async (id: string, options: AdminOptions & { readonly output: OutputFormat }) => {
      const grant = await openAdminClient(context, options).get<RoleGrant>(`/v1/role-grants/${pathSegment(id)}`)
      openOutput(context, options).result(grant, (page) => printRole(page, grant, context.clock.now()))
    },
  )
}
