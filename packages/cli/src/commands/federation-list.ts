import type { FederationList } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { relativeTime } from '../terminal/time-text.ts'
import { addVerb } from '../verb.ts'
import { lastErrorText, nextRefreshText } from './federation-page.ts'

export function addFederationList(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'list', { does: 'list followed trust domains', example: 'federation list' })
  addAdminSocketOption(command).action(async (options: AdminOptions & { readonly output: OutputFormat }) => {
    const list = await openAdminClient(context, options).get<FederationList>('/v1/federations')
    openOutput(context, options).result(list, (page) => {
      if (list.federations.length === 0) return page.line('no federations')
      const now = context.clock.now()
      page.table(
        ['trust domain', 'endpoint', 'profile', 'last refresh', 'next refresh', 'sequence', 'last error'],
        list.federations.map((federation) => [
          federation.trustDomain,
          federation.bundleEndpointUrl,
          federation.profile,
          federation.lastRefreshAt === undefined ? 'never' : relativeTime(federation.lastRefreshAt, now),
          nextRefreshText(federation, now),
          String(federation.sequence ?? 'none'),
          lastErrorText(federation, now),
        ]),
      )
    })
  })
}
