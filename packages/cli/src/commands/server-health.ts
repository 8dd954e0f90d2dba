import type { HealthReport } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import type { OutputFormat } from '../output.ts'
import { addVerb } from '../verb.ts'
import { reportHealth } from './health-page.ts'

export function addServerHealth(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'health', {
    does: 'tell whether the running server can issue credentials; exits with 1 when it cannot',
    example: 'server health',
  })
  addAdminSocketOption(command).action(async (options: AdminOptions & { readonly output: OutputFormat }) => {
    const report = await openAdminClient(context, options).get<HealthReport>('/v1/health')
    reportHealth(context, options, 'server', report)
  })
}
