import { type Command, Option } from 'commander'
import { asServerError } from './admin/admin-server-error.ts'
import { AdminSocketError } from './admin/admin-socket-error.ts'
import type { RemoteServer } from './admin/connect-server.ts'
import { exchange, type HttpCall } from './admin/exchange.ts'
import { type Following, followEvents, followEventsRemotely } from './admin/follow-events.ts'
import { readAnswer } from './admin/read-answer.ts'
import { exchangeRemotely } from './admin/remote-exchange.ts'
import { addRemoteOptions, findServer, parseServerUrl, type RemoteOptions, readToken } from './admin/remote-options.ts'
import { CliError } from './cli-error.ts'
import type { CommandContext } from './command-context.ts'

export const DEFAULT_ADMIN_SOCKET = '/run/countersign/admin.sock'

const TIMEOUT_SECONDS = 30
const MAX_BODY_BYTES = 64 * 1024 * 1024

export interface AdminOptions extends RemoteOptions {
  readonly adminSocket?: string
}

type Query = Readonly<Record<string, string | undefined>>

/** The server's admin API. Paths begin with `/v1/`; identifiers in paths are encoded with `pathSegment`. */
export interface AdminClient {
  get<T>(path: string, query?: Query): Promise<T>
  post<T>(path: string, body?: unknown): Promise<T>
  put<T>(path: string, body: unknown): Promise<T>
  patch<T>(path: string, body: unknown): Promise<T>
  delete(path: string): Promise<void>
  /** Reads server-sent events until they end. @throws as `followEvents` */
  follow(path: string, query: Query, reading: Reading): Promise<void>
}

/** How to reach the server: by its socket, or over the network. */
export function addAdminSocketOption(command: Command): Command {
  return addRemoteOptions(addLocalSocketOption(command))
}

/** How to reach a server on this host, for what is not asked for over the network. */
export function addLocalSocketOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--admin-socket <path>',
      `server's admin socket (env COUNTERSIGN_ADMIN_SOCKET, else ${DEFAULT_ADMIN_SOCKET})`,
    ),
  )
}

/** Where a server on this host listens, for what is not served over the network. */
export function adminSocketOf(context: CommandContext, options: AdminOptions): string {
  return options.adminSocket ?? (context.env['COUNTERSIGN_ADMIN_SOCKET'] || DEFAULT_ADMIN_SOCKET)
}

type Reading = Omit<Following, 'path'>

interface Access {
  call(call: HttpCall): Promise<unknown>
  follow(following: Following): Promise<void>
}

/** Talks to the server that the option, the environment or the default names, in that order. */
export function openAdminClient(context: CommandContext, options: AdminOptions): AdminClient {
  const server = chooseServer(context, options)
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> =>
    (await server.call({
      ...{ method, path, body },
      ...{ timeoutSeconds: TIMEOUT_SECONDS, maxBodyBytes: MAX_BODY_BYTES },
    })) as T
  return {
    get: (path, query) => call('GET', withQuery(path, query)),
    post: (path, body) => call('POST', path, body),
    put: (path, body) => call('PUT', path, body),
    patch: (path, body) => call('PATCH', path, body),
    delete: (path) => call('DELETE', path),
    follow: (path, query, reading) => server.follow({ path: withQuery(path, query), ...reading }),
  }
}

function chooseServer(context: CommandContext, options: AdminOptions): Access {
  const { env } = context
  const { adminSocket, server } = options
  if (adminSocket !== undefined && server !== undefined) {
    throw new CliError('ERR_CLI_USAGE', '--admin-socket and --server name two servers')
  }
  // What is said on the command line counts before what is in the environment.
  const url = server ?? (adminSocket === undefined ? env['COUNTERSIGN_SERVER'] || undefined : undefined)
  if (url !== undefined) return remoteAccess(context, parseServerUrl(url), options)
  const given = (['serverId', 'serverBundle', 'tokenFile', 'workloadApi'] as const).find((name) => options[name])
  if (given !== undefined)
    throw new CliError('ERR_CLI_USAGE', 'to reach a server over the network, name it by --server')
  const socketPath = adminSocketOf(context, options)
  return {
    call: async (call) => readAnswer(await exchange({ socketPath, ...call })),
    follow: (following) => followEvents(socketPath, following),
  }
}

/** What proves the server, and this program, is fetched once for all calls of a command. */
function remoteAccess(context: CommandContext, url: URL, options: AdminOptions): Access {
  let server: Promise<RemoteServer> | undefined
  const proof = async () => ({ token: await readToken(options), now: context.clock.now() })
  return {
    async call(call) {
      server ??= findServer(context, url, options)
      const answer = await exchangeRemotely(await server, call, await proof())
      try {
        return readAnswer(answer)
      } catch (error) {
        throw error instanceof AdminSocketError ? asServerError(url, error) : error
      }
    },
    // Anew each time: whoever follows for hours has another certificate by then.
    async follow(following) {
      return followEventsRemotely(await findServer(context, url, options), following, await proof())
    },
  }
}

/** An identifier as one segment of a path. */
export function pathSegment(value: string): string {
  return encodeURIComponent(value)
}

function withQuery(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value)
  return parameters.size === 0 ? path : `${path}?${parameters}`
}
