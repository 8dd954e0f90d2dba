import type { Federation, NewFederation } from '@countersign/api'
import { type Command, Option } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { readFileLimited } from '../files/read-input.ts'
import { parseTrustDomainName } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { printFederation } from './federation-page.ts'

const MAX_ROOTS_BYTES = 65_536

interface Options extends AdminOptions {
  readonly trustDomain: string
  readonly endpointUrl: string
  readonly profile: 'https_web'
  readonly webRoots?: string
  readonly output: OutputFormat
}

export function addFederationCreate(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'create', {
    does: 'follow the bundle endpoint of a foreign trust domain',
    example: 'federation create --trust-domain partner.example --endpoint-url https://partner.example/bundle',
  })
    .requiredOption('--trust-domain <name>', 'trust domain the bundle is for', parseTrustDomainName)
    .requiredOption('--endpoint-url <url>', 'https URL of its bundle endpoint')
    .addOption(
      new Option('--profile <profile>', 'how the endpoint is trusted').choices(['https_web']).default('https_web'),
    )
    .option('--web-roots <file>', "PEM roots for the endpoint's certificate instead of the public Web PKI")
  addAdminSocketOption(command).action(async (options: Options) => {
    const request: NewFederation = {
      trustDomain: options.trustDomain,
      bundleEndpointUrl: options.endpointUrl,
      profile: options.profile,
      ...(options.webRoots === undefined ? {} : { webRoots: await readRoots(options.webRoots) }),
    }
    const federation = await openAdminClient(context, options).post<Federation>('/v1/federations', request)
    openOutput(context, options).result(federation, (page) => printFederation(page, federation, context.clock.now()))
  })
}

/** Refuses a file without a certificate, and one with a private key: it would be stored and shown to operators. */
async function readRoots(path: string): Promise<string> {
  const text = (await readFileLimited(path, MAX_ROOTS_BYTES)).toString()
  if (!text.includes('-----BEGIN CERTIFICATE-----') || text.includes('PRIVATE KEY-----')) {
    throw new CliError('ERR_CLI_FILE_MALFORMED', `file ${path} must hold PEM certificates and nothing else`)
  }
  return text
}
