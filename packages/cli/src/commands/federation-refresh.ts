import type { Federation } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient, pathSegment } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { EXIT } from '../exit.ts'
import { parseTrustDomainName } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printFederation } from './federation-page.ts'

export function addFederationRefresh(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'refresh', {
    does: 'fetch the bundle of a foreign trust domain now',
    example: 'federation refresh partner.example',
  }).argument('<trust-domain>', 'trust domain, as `federation list` shows it', parseTrustDomainName)
  addAdminSocketOption(command).action(
    async (trustDomain: string, options: AdminOptions & { readonly output: OutputFormat }) => {
      const path = `/v1/federations/${pathSegment(trustDomain)}/refresh`
      const federation = await openAdminClient(context, options).post<Federation>(path)
      if (hasFailed(federation)) context.exitCode = EXIT.failed
      openOutput(context, options).result(federation, (page) => printFederation(page, federation, context.clock.now()))
    },
  )
}

/** The server answers with the state of the federation, whether or not the fetch went well. */
function hasFailed({ lastError, lastRefreshAt }: Federation): boolean {
  return lastError !== undefined && (lastRefreshAt === undefined || lastError.at >= lastRefreshAt)
}
