import type { AuthorityReference, AuthorityView } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printAuthority } from './authority-page.ts'

interface Step {
  readonly name: 'activate' | 'taint' | 'revoke'
  readonly does: string
  /** What `--force` does, where there is something to wait for. */
  readonly force?: string
}

type StepOptions = AdminOptions & { readonly output: OutputFormat; readonly force?: true }

const addStep =
  ({ name, does, force }: Step) =>
  (parent: Command, context: CommandContext): void => {
    const command = addVerb(parent, name, { does, example: `authority ${name} x509-0123456789abcdef0123456789abcdef` })
    command.argument('<authority>', 'its name, as `authority list` shows it')
    if (force !== undefined) command.option('--force', force)
    addAdminSocketOption(command).action(async (id: string, options: StepOptions) => {
      const body: AuthorityReference = options.force === true ? { id, force: true } : { id }
      const view = await openAdminClient(context, options).post<AuthorityView>(`/v1/authorities/${name}`, body)
      openOutput(context, options).result(view, (page) => printAuthority(page, view, context.clock.now()))
    })
  }

export const addAuthorityActivate = addStep({
  name: 'activate',
  does: 'sign with a prepared key from now on',
  force: 'do not wait until everyone can know it: what it signs may be refused for a while',
})

export const addAuthorityTaint = addStep({
  name: 'taint',
  does: 'have everything replaced that a retired key signed; `list` shows how far that is',
})

export const addAuthorityRevoke = addStep({
  name: 'revoke',
  does: 'publish a key no more: nothing it signed is believed, its private key is deleted',
  force: 'do not wait until nothing is left of what it signed: who still uses that is cut off',
})
