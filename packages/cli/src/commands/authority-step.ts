import type { AuthorityReference, AuthorityView } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printAuthority } from './authority-page.ts'

/** A step in the life of a signing key. */
export interface AuthorityStep {
  readonly name: 'activate' | 'taint' | 'revoke'
  readonly does: string
  /** What `--force` does, where there is something to wait for. */
  readonly force?: string
}

type StepOptions = AdminOptions & { readonly output: OutputFormat; readonly force?: true }

/** Adds the verb of one step. */
export const authorityStep =
  ({ name, does, force }: AuthorityStep) =>
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
