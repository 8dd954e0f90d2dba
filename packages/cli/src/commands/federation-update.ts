import type { Federation, FederationChange } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient, pathSegment } from '../admin-client.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { addFederationOptions, type FederationOptions, federationFields } from '../options/federation-options.ts'
import { parseTrustDomainName } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printFederation } from './federation-page.ts'

type Options = AdminOptions & FederationOptions & { readonly output: OutputFormat }

export function addFederationUpdate(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'update', {
    does: 'replace the named settings of a federation; the others stay',
    example: 'federation update partner.example --endpoint-url https://partner.example/new/bundle',
  }).argument('<trust-domain>', 'trust domain, as `federation list` shows it', parseTrustDomainName)
  addFederationOptions(command, false)
    .option('--no-web-roots', 'trust the public Web PKI again')
    .option('--no-allow-address', 'allow public addresses only again')
  addAdminSocketOption(command).action(async (trustDomain: string, options: Options) => {
    const change = await federationFields(trustDomain, options)
    if (Object.keys(change).length === 0 && options.webRoots !== false && options.allowAddress !== false) {
      throw new CliError('ERR_CLI_USAGE', 'no setting to replace was given')
    }
    const admin = openAdminClient(context, options)
    const path = `/v1/federations/${pathSegment(trustDomain)}`
    const present = endpointOf(await admin.get<Federation>(path), options)
    const federation = await admin.put<Federation>(path, { ...present, ...change })
    openOutput(context, options).result(federation, (page) => printFederation(page, federation, context.clock.now()))
  })
}

/** The settings that stay: not those that were taken back, nor those that only the former profile has. */
function endpointOf(federation: Federation, { profile, webRoots, allowAddress }: Options): FederationChange {
  const { bundleEndpointUrl, endpointSpiffeId, allowedAddresses } = federation
  const next = profile ?? federation.profile
  return {
    bundleEndpointUrl,
    profile: next,
    ...(next === 'https_web' && webRoots !== false && federation.webRoots !== undefined
      ? { webRoots: federation.webRoots }
      : {}),
    ...(next === 'https_spiffe' && endpointSpiffeId !== undefined ? { endpointSpiffeId } : {}),
    ...(allowAddress !== false && allowedAddresses !== undefined ? { allowedAddresses } : {}),
  }
}
