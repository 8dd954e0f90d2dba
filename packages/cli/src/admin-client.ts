import { type Command, Option } from 'commander'
import { exchange } from './admin/exchange.ts'
import { type Following, followEvents } from './admin/follow-events.ts'
import { readAnswer } from './admin/read-answer.ts'
import type { CommandContext } from './command-context.ts'

export const DEFAULT_ADMIN_SOCKET = '/run/countersign/admin.sock'

const TIMEOUT_SECONDS = 30
const MAX_BODY_BYTES = 64 * 1024 * 1024

export interface AdminOptions {
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
  follow(path: string, query: Query, reading: Pick<Following, 'onEvent' | 'onRetry' | 'signal'>): Promise<void>
}

export function addAdminSocketOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--admin-socket <path>',
      `server's admin socket (env COUNTERSIGN_ADMIN_SOCKET, else ${DEFAULT_ADMIN_SOCKET})`,
    ),
  )
}

/** Talks to the server that the option, the environment or the default names, in that order. */
export function openAdminClient(context: CommandContext, options: AdminOptions): AdminClient {
  const socketPath = options.adminSocket ?? (context.env['COUNTERSIGN_ADMIN_SOCKET'] || DEFAULT_ADMIN_SOCKET)
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const limits = { timeoutSeconds: TIMEOUT_SECONDS, maxBodyBytes: MAX_BODY_BYTES }
    return readAnswer(await exchange({ socketPath, method, path, body, ...limits })) as T
  }
  return {
    get: (path, query) => call('GET', withQuery(path, query)),
    post: (path, body) => call('POST', path, body),
    put: (path, body) => call('PUT', path, body),
    patch: (path, body) => call('PATCH', path, body),
    delete: (path) => call('DELETE', path),
    follow: (path, query, reading) => followEvents({ socketPath, path: withQuery(path, query), ...reading }),
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
