import type { Federation } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient, pathSegment } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { parseTrustDomainName } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printFederation } from './federation-page.ts'

export function addFederationShow(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'show', {
    does: 'show a followed trust domain, and how its last refresh went',
    example: 'federation show partner.example',
  }).argument('<trust-domain>', 'trust domain, as `federation list` shows it', parseTrustDomainName)
  addAdminSocketOption(command).action(
    async (trustDomain: string, options: AdminOptions & { readonly output: OutputFormat }) => {
      const path = `/v1/federations/${pathSegment(trustDomain)}`
      const federation = await openAdminClient(context, options).get<Federation>(path)
      openOutput(context, options).result(federation, (page) => printFederation(page, federation, context.clock.now()))
    },
  )
}
