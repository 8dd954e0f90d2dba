import type { AuthorityKind, AuthorityView, PrepareAuthority } from '@countersign/api'
import { Argument, type Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printAuthority } from './authority-page.ts'

const KINDS = ['x509', 'jwt', 'wit', 'oauth'] as const satisfies readonly AuthorityKind[]

export function addAuthorityPrepare(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'prepare', {
    does: 'publish a new signing key, to be activated once everyone knows it',
    example: 'authority prepare x509',
  }).addArgument(new Argument('<kind>', 'what it signs').choices(KINDS))
  addAdminSocketOption(command).action(
    async (kind: AuthorityKind, options: AdminOptions & { readonly output: OutputFormat }) => {
      const body = { kind } satisfies PrepareAuthority
      const view = await openAdminClient(context, options).post<AuthorityView>('/v1/authorities/prepare', body)
      openOutput(context, options).result(view, (page) => printAuthority(page, view, context.clock.now()))
    },
  )
}
