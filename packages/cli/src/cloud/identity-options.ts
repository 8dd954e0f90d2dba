import { WorkloadId } from '@countersign/protocol'
import type { Command } from 'commander'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { readFileLimited } from '../files/read-input.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import type { OutputFormat } from '../output.ts'
import { type CheckedIssuer, checkIssuer } from './check-issuer.ts'
import type { Cloud } from './clouds.ts'
import { validateAlgorithm, validateIssuer, validateLifetime, validateSubject } from './validate-identity.ts'

/** Of every verb that makes files for a cloud: whose tokens they are for. */
export interface IdentityOptions {
  readonly issuer?: string
  readonly serverConfig?: string
  readonly id: string
  readonly check?: true
  readonly caFile?: string
  readonly command: string
  readonly socket?: string
  readonly write?: string
  readonly output: OutputFormat
}

export interface CloudIdentity {
  readonly issuer: string
  /** SPIFFE ID. */
  readonly subject: string
  /** What was found where it is served, with `--check`. */
  readonly checked?: CheckedIssuer
}

/** Far above any list of roots. */
const MAX_ROOTS_BYTES = 4 * 1024 * 1024

export function addIdentityOptions(command: Command): Command {
  return addRootsOption(
    command
      .requiredOption('--id <spiffe-id>', 'the program that may use the cloud', parseIdentifier)
      .option('--issuer <url>', 'issuer of JWT-SVIDs, as in "svids.jwtIssuer" of the server')
      .option(
        '--server-config <file>',
        'take the issuer from the configuration of the server, and check the rest of it',
      )
      .option('--check', 'fetch the metadata and keys of the issuer, and see whether the cloud takes them')
      .option('--command <path>', 'the command countersign, where the program runs', 'countersign')
      .option('--socket <address>', 'Workload API where the program runs, if not in SPIFFE_ENDPOINT_SOCKET')
      .option('--write <folder>', 'write the files there instead of printing them'),
    'of the issuer, for --check; clouds believe well-known ones only',
  )
}

export function addRootsOption(command: Command, of: string): Command {
  return command.option('--ca-file <file>', `PEM of the only certificate authorities to believe ${of}`)
}

/** @throws CliError `ERR_CLI_FILE_*` */
export async function readRoots(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : (await readFileLimited(path, MAX_ROOTS_BYTES)).toString('utf8')
}

/**
 * Whose tokens a cloud is to take, checked against what it says it takes.
 *
 * @throws CliError `ERR_CLI_USAGE`; ConfigError for the server's configuration; CloudError as `validateIssuer` and `checkIssuer`
 */
export async function resolveIdentity(
  context: CommandContext,
  options: IdentityOptions,
  cloud: Cloud,
): Promise<CloudIdentity> {
  const subject = validateSubject(options.id, cloud)
  const issuer = validateIssuer(await chooseIssuer(context, options, cloud), cloud)
  if (options.check === undefined) return { issuer, subject }
  return { issuer, subject, checked: await checkIssuer(issuer, cloud, await readRoots(options.caFile)) }
}

async function chooseIssuer(context: CommandContext, options: IdentityOptions, cloud: Cloud): Promise<string> {
  const { issuer, serverConfig, id } = options
  if (serverConfig === undefined) {
    if (issuer === undefined) throw new CliError('ERR_CLI_USAGE', 'name the issuer by --issuer or --server-config')
    return issuer
  }
  const { loadServerConfig } = await context.modules.serverData()
  const { trustDomain, svids, authorities } = await loadServerConfig(serverConfig, context.env)
  if (WorkloadId.parse(id).trustDomain !== trustDomain) {
    throw new CliError('ERR_CLI_USAGE', `--id is not of ${trustDomain}, the trust domain of that server`)
  }
  if (svids.jwtIssuer === undefined) {
    throw new CliError('ERR_CLI_USAGE', 'the server has no issuer: set "svids.jwtIssuer" in its configuration')
  }
  if (issuer !== undefined && issuer !== svids.jwtIssuer) {
    throw new CliError('ERR_CLI_USAGE', `--issuer is not that of the server, ${svids.jwtIssuer}`)
  }
  validateAlgorithm(authorities.jwtAlgorithm, cloud)
  validateLifetime(svids.jwtTtl, cloud)
  return svids.jwtIssuer
}
