import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient, pathSegment } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'

export function addRoleRevoke(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'revoke', {
    does: 'take a role away; it counts no longer with the next call',
    example: 'role revoke 6a1b0c2d000000aa11bb22cc33dd44ee',
  }).argument('<grant>', 'id of the grant, as `role list` shows it')
  addAdminSocketOption(command).action(
    async (id: string, options: AdminOptions & { readonly output: OutputFormat }) => {
      await openAdminClient(context, options).delete(`/v1/role-grants/${pathSegment(id)}`)
      openOutput(context, options).result({ revoked: id }, (page) => page.line(`revoked ${id}`))
    },
  )
}
