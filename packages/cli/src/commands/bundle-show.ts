import type { ServerStatus, TrustDomainBundle } from '@countersign/api'
import { encodePem, parseSpiffeBundle } from '@countersign/protocol'
import { type Command, Option } from 'commander'
import {
  type AdminClient,
  type AdminOptions,
  addAdminSocketOption,
  openAdminClient,
  pathSegment,
} from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { parseTrustDomainName } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printBundle } from './bundle-page.ts'

interface Options extends AdminOptions {
  readonly format?: 'spiffe' | 'pem'
  readonly output: OutputFormat
}

export function addBundleShow(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'show', {
    does: 'show the trust bundle of a trust domain, or save it with --format',
    example: ['bundle show --format spiffe > bundle.json', 'bundle show partner.example --format pem > roots.pem'],
  })
    .argument('[trust-domain]', "trust domain (default: the server's own)", parseTrustDomainName)
    .addOption(
      new Option('--format <format>', 'the bundle alone: SPIFFE bundle document, or X.509 roots as PEM').choices([
        'spiffe',
        'pem',
      ]),
    )
  addAdminSocketOption(command).action(async (trustDomain: string | undefined, options: Options) => {
    const client = openAdminClient(context, options)
    const name = trustDomain ?? (await ownTrustDomain(client))
    const answer = await client.get<TrustDomainBundle>(`/v1/bundles/${pathSegment(name)}`)
    if (options.format === 'spiffe') context.stdout.write(`${JSON.stringify(answer.bundle, null, 2)}\n`)
    else if (options.format === 'pem') context.stdout.write(rootsPem(answer))
    else openOutput(context, options).result(answer, (page) => printBundle(page, answer))
  })
}

async function ownTrustDomain(client: AdminClient): Promise<string> {
  return (await client.get<ServerStatus>('/v1/status')).trustDomain
}

function rootsPem({ trustDomain, bundle }: TrustDomainBundle): string {
  return encodePem(parseSpiffeBundle(trustDomain, bundle).x509Authorities)
}
