import { encodePem, parseSpiffeBundle, spiffeId, WorkloadId } from '@countersign/protocol'
import { type Command, Option } from 'commander'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { privateKeyPem } from '../files/pem.ts'
import { readFileLimited } from '../files/read-input.ts'
import { readJsonFile } from '../files/read-json.ts'
import { parseIdentifier } from '../options/parse-identifier.ts'
import { firstMessage, withWorkloadApi } from '../workload-api/endpoint-option.ts'
import { splitDer } from '../workload-api/split-der.ts'
import { AdminServerError } from './admin-server-error.ts'
import type { RemoteServer } from './connect-server.ts'

export interface RemoteOptions {
  readonly server?: string
  readonly serverId?: string
  readonly serverBundle?: string
  readonly tokenFile?: string
  readonly workloadApi?: string
}

const MAX_BUNDLE_BYTES = 4 * 1024 * 1024
const MAX_TOKEN_BYTES = 16 * 1024
const SERVER_PATH = '/countersign/server'

/** How to reach a server over the network, under a heading of its own in `--help`. */
export function addRemoteOptions(command: Command): Command {
  const options = [
    new Option('--server <url>', "server's machine listener, instead of its socket (env COUNTERSIGN_SERVER)"),
    new Option('--server-id <id>', 'who the server must be (default: that of the own trust domain)').argParser(
      parseIdentifier,
    ),
    new Option('--server-bundle <file>', "SPIFFE bundle of the server's trust domain (default: from the Workload API)"),
    new Option('--token-file <file>', "token of an OpenID Connect issuer, instead of this program's own X509-SVID"),
    new Option('--workload-api <address>', 'where this program gets its X509-SVID (env SPIFFE_ENDPOINT_SOCKET)'),
  ]
  for (const option of options) command.addOption(option.helpGroup('Over the network:'))
  return command
}

/** @throws AdminServerError `ERR_ADMIN_SERVER_URL` */
export function parseServerUrl(text: string): URL {
  const url = URL.parse(text)
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.pathname !== '/' || url.search !== '') {
    throw new AdminServerError(
      'ERR_ADMIN_SERVER_URL',
      'a server is named by its origin, as in https://server.example:8441',
    )
  }
  return url
}

/** The token, read anew each time: whoever keeps the file replaces it. @throws CliError `ERR_CLI_FILE_*` */
export async function readToken({ tokenFile }: RemoteOptions): Promise<string | undefined> {
  if (tokenFile === undefined) return undefined
  const token = (await readFileLimited(tokenFile, MAX_TOKEN_BYTES)).toString('utf8').trim()
  if (/^[A-Za-z0-9._~+/=-]+$/.test(token)) return token
  throw new CliError('ERR_CLI_FILE_MALFORMED', `file ${tokenFile} does not hold one token`)
}

/**
 * Which server is meant, what proves it, and what to show it: from files, and else from the Workload API.
 *
 * @throws CliError `ERR_CLI_USAGE` when nothing says which server is meant
 * @throws CliError `ERR_CLI_FILE_*`, BundleError, WorkloadApiError `ERR_WORKLOAD_API_*`
 */
export async function findServer(context: CommandContext, url: URL, options: RemoteOptions): Promise<RemoteServer> {
  const { serverId, tokenFile } = options
  if (tokenFile === undefined) return findAsWorkload(context, url, options)
  if (serverId === undefined) {
    throw new CliError(
      'ERR_CLI_USAGE',
      'with --token-file, name the server by --server-id, as in spiffe://example.org/countersign/server',
    )
  }
  const id = WorkloadId.parse(serverId)
  return { url, id, roots: (await rootsFromFile(id, options)) ?? (await rootsFromAgent(context, id, options)) }
}

async function findAsWorkload(context: CommandContext, url: URL, options: RemoteOptions): Promise<RemoteServer> {
  const { svids, federatedBundles } = await withWorkloadApi(context, socketOf(options), (client, signal) =>
    firstMessage(client.fetchX509Svid(signal)),
  )
  // The first is the default. SPIFFE Workload API section 5.2.1.
  const [svid] = svids
  if (svid === undefined) throw new TypeError('the Workload API answered without an identity')
  const own = WorkloadId.parse(svid.spiffeId)
  const id =
    options.serverId === undefined ? spiffeId(own.trustDomain, SERVER_PATH) : WorkloadId.parse(options.serverId)
  const fromAgent = id.origin === own.origin ? svid.bundle : federatedBundles[id.origin]
  const roots = (await rootsFromFile(id, options)) ?? (fromAgent === undefined ? [] : splitDer(fromAgent))
  const credential = { key: privateKeyPem(svid.x509SvidKey), cert: encodePem(splitDer(svid.x509Svid)) }
  return { url, id, roots, credential }
}

async function rootsFromFile(id: WorkloadId, { serverBundle }: RemoteOptions) {
  if (serverBundle === undefined) return undefined
  return parseSpiffeBundle(id.trustDomain, await readJsonFile(serverBundle, MAX_BUNDLE_BYTES)).x509Authorities
}

async function rootsFromAgent(context: CommandContext, id: WorkloadId, options: RemoteOptions) {
  const { bundles } = await withWorkloadApi(context, socketOf(options), (client, signal) =>
    firstMessage(client.fetchX509Bundles(signal)),
  )
  const roots = bundles[id.origin]
  return roots === undefined ? [] : splitDer(roots)
}

function socketOf({ workloadApi }: RemoteOptions) {
  return workloadApi === undefined ? {} : { socket: workloadApi }
}
