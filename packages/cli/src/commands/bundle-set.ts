import type { TrustDomainBundle } from '@countersign/api'
import { parseSpiffeBundle } from '@countersign/protocol'
import type { Command } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient, pathSegment } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { readJsonFile } from '../files/read-json.ts'
import { parseTrustDomainName } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printBundle } from './bundle-page.ts'

const MAX_BUNDLE_BYTES = 4 * 1024 * 1024

interface Options extends AdminOptions {
  readonly file: string
  readonly output: OutputFormat
}

export function addBundleSet(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'set', {
    does: 'replace the bundle of a foreign trust domain',
    example: 'bundle set partner.example --file partner.json',
  })
    .argument('<trust-domain>', 'trust domain the bundle is for; the file never says', parseTrustDomainName)
    .requiredOption('--file <file>', 'SPIFFE bundle document')
  addAdminSocketOption(command).action(async (trustDomain: string, options: Options) => {
    const document = await readJsonFile(options.file, MAX_BUNDLE_BYTES)
    // Refused here already: a wrong file would withdraw all trust in the domain.
    parseSpiffeBundle(trustDomain, document)
    const stored = await openAdminClient(context, options).put<TrustDomainBundle | undefined>(
      `/v1/bundles/${pathSegment(trustDomain)}`,
      document,
    )
    const result = stored ?? { trustDomain, bundle: document as TrustDomainBundle['bundle'] }
    openOutput(context, options).result(result, (page) => printBundle(page, result))
  })
}
