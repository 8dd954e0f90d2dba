import type { ResumeRequest, ResumeResult } from '@countersign/api'
import { Argument, type Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'

const REASONS = ['restore', 'clock'] as const satisfies readonly ResumeRequest['reason'][]

export function addServerResume(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'resume', {
    does: 'issue again, after a restore or by a clock that looked wrong',
    example: ['server resume restore', 'server resume clock'],
  }).addArgument(
    new Argument(
      '<reason>',
      'restore: what is missing since the backup was repeated, or is not needed; clock: the time is right as it is',
    ).choices(REASONS),
  )
  addAdminSocketOption(command).action(
    async (reason: ResumeRequest['reason'], options: AdminOptions & { readonly output: OutputFormat }) => {
      const body = { reason } satisfies ResumeRequest
      const result = await openAdminClient(context, options).post<ResumeResult>('/v1/resume', body)
      openOutput(context, options).result(result, (page) => {
        if (result.holds.length === 0) page.line('the server issues again')
        for (const { message, next } of result.holds) page.line(`still on hold: ${message}\n  ${next}`)
      })
    },
  )
}
