import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient, pathSegment } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { parseTrustDomainName } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'

export function addFederationDelete(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'delete', {
    does: 'stop following a foreign trust domain',
    example: 'federation delete partner.example',
  }).argument('<trust-domain>', 'trust domain, as `federation list` shows it', parseTrustDomainName)
  addAdminSocketOption(command).action(
    async (trustDomain: string, options: AdminOptions & { readonly output: OutputFormat }) => {
      await openAdminClient(context, options).delete(`/v1/federations/${pathSegment(trustDomain)}`)
      openOutput(context, options).result({ deleted: trustDomain }, (page) =>
        page.line(`deleted federation with ${trustDomain}`),
      )
    },
  )
}
