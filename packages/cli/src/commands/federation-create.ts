import type { Federation, FederationChange, NewFederation } from '@countersign/api'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { addFederationOptions, type FederationOptions, federationFields } from '../options/federation-options.ts'
import { parseTrustDomainName } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printFederation } from './federation-page.ts'

interface Options extends AdminOptions, FederationOptions {
  readonly trustDomain: string
  readonly output: OutputFormat
}

export function addFederationCreate(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'create', {
    does: 'follow the bundle endpoint of a foreign trust domain',
    example: [
      'federation create --trust-domain partner.example --endpoint-url https://partner.example/bundle --profile https_web',
      'federation create --trust-domain partner.example --endpoint-url https://partner.example:8444/bundle --profile https_spiffe --endpoint-id spiffe://partner.example/countersign/server --bundle partner.json',
    ],
  }).requiredOption('--trust-domain <name>', 'trust domain the bundle is for', parseTrustDomainName)
  addFederationOptions(command, true)
  addAdminSocketOption(command).action(async (options: Options) => {
    const { trustDomain } = options
    const fields = (await federationFields(trustDomain, options)) as FederationChange
    const request: NewFederation = { trustDomain, ...fields }
    const federation = await openAdminClient(context, options).post<Federation>('/v1/federations', request)
    openOutput(context, options).result(federation, (page) => printFederation(page, federation, context.clock.now()))
  })
}
