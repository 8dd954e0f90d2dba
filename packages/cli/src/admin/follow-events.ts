import { type ClientRequest, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { StringDecoder } from 'node:string_decoder'
import { asServerError } from './admin-server-error.ts'
import { AdminSocketError, socketError } from './admin-socket-error.ts'
import { connectServer, type RemoteServer } from './connect-server.ts'
import { readAnswer } from './read-answer.ts'

export interface ServerEvent {
  readonly name: string
  readonly data: unknown
}

export interface Following {
  readonly path: string
  readonly onEvent: (event: ServerEvent) => void
  /** The server says after how many milliseconds to come back, should the connection break. */
  readonly onRetry: (milliseconds: number) => void
  readonly signal: AbortSignal
}

const MAX_EVENT_CHARACTERS = 1024 * 1024
const MAX_PROBLEM_CHARACTERS = 65_536
const CONNECT_TIMEOUT_MS = 30_000
/** The server gives a sign of life every 15 seconds. */
const SILENCE_MS = 60_000

type Open = (path: string, headers: Record<string, string>) => ClientRequest

/** @throws AdminProblem, AdminSocketError as `follow` does */
export function followEvents(socketPath: string, following: Following): Promise<void> {
  const open: Open = (path, headers) => httpRequest({ socketPath, path, headers, agent: false })
  return follow(open, (error) => socketError(socketPath, error), following)
}

/**
 * The same over the network, on a connection of its own.
 *
 * @throws AdminProblem for a refusal
 * @throws AdminServerError `ERR_ADMIN_SERVER_*`
 */
export async function followEventsRemotely(
  server: RemoteServer,
  following: Following,
  { token, now }: { readonly token?: string | undefined; readonly now: number },
): Promise<void> {
  const socket = await connectServer(server, now, CONNECT_TIMEOUT_MS / 1000)
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const open: Open = (path, headers) =>
    httpsRequest(new URL(path, server.url), {
      createConnection: () => socket,
      headers: { ...headers, ...authorization, connection: 'close' },
    })
  const asError = (cause: NodeJS.ErrnoException) =>
    new AdminSocketError('ERR_ADMIN_SOCKET_FAILED', 'connection failed', { detail: cause.code ?? cause.name, cause })
  try {
    await follow(open, asError, following)
  } catch (error) {
    throw error instanceof AdminSocketError ? asServerError(server.url, error) : error
  } finally {
    socket.destroy()
  }
}

/**
 * Reads server-sent events until the stream ends or the signal aborts.
 *
 * @returns when the stream has ended
 * @throws AdminProblem for a refusal
 * @throws AdminSocketError `ERR_ADMIN_SOCKET_*` when the connection failed or broke
 */
function follow(open: Open, asError: (error: Error) => Error, following: Following): Promise<void> {
  const { path, signal } = following
  return new Promise((resolve, reject) => {
    const request = open(path, { accept: 'text/event-stream' })
    const timer = { current: setTimeout(() => silent(CONNECT_TIMEOUT_MS), CONNECT_TIMEOUT_MS) }
    const stop = () => request.destroy()
    const fail = (error: Error) => {
      reject(error instanceof AdminSocketError ? error : asError(error))
      request.destroy()
    }
    const silent = (ms: number) =>
      fail(new AdminSocketError('ERR_ADMIN_SOCKET_TIMEOUT', `nothing from the server for ${ms / 1000} seconds`))
    const alive = () => {
      clearTimeout(timer.current)
      timer.current = setTimeout(() => silent(SILENCE_MS), SILENCE_MS)
    }
    request.on('response', (response) => {
      const isStream = response.statusCode === 200
      const decoder = new StringDecoder('utf8')
      const lines = new EventLines(following)
      let problem = ''
      response.on('data', (chunk: Buffer) => {
        alive()
        try {
          if (isStream) lines.push(decoder.write(chunk))
          else problem = (problem + decoder.write(chunk)).slice(0, MAX_PROBLEM_CHARACTERS)
        } catch (error) {
          fail(error as Error)
        }
      })
      response.on('error', fail)
      response.on('end', () => {
        try {
          if (!isStream) readAnswer({ status: response.statusCode ?? 0, body: problem })
          resolve()
        } catch (error) {
          // The server's own word, not a failure of the connection.
          reject(error)
        }
      })
    })
    request.on('error', fail)
    request.on('close', () => {
      clearTimeout(timer.current)
      signal.removeEventListener('abort', stop)
      if (signal.aborted) resolve()
      // An answer that is whole has been dealt with by now.
      else fail(Object.assign(new Error('connection closed'), { code: 'ECONNRESET' }))
    })
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    else request.end()
  })
}

/** @see WHATWG HTML section 9.2.6; the server ends lines with a line feed */
class EventLines {
  readonly #following: Following
  #rest = ''
  #name = 'message'
  #data = ''

  constructor(following: Following) {
    this.#following = following
  }

  push(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
    if (this.#rest.length + this.#data.length > MAX_EVENT_CHARACTERS) {
      throw new AdminSocketError('ERR_ADMIN_SOCKET_ANSWER', 'an event of the server is too large')
    }
  }

  #line(line: string): void {
    const [, field = '', value = ''] = /^([a-z]+): ?(.*)$/.exec(line) ?? []
    if (field === 'event') this.#name = value
    if (field === 'data') this.#data += value
    if (field === 'retry' && /^[0-9]{1,6}$/.test(value)) this.#following.onRetry(Number(value))
    if (line !== '') return
    const [name, data] = [this.#name, this.#data]
    this.#name = 'message'
    this.#data = ''
    if (data !== '') this.#following.onEvent({ name, data: parse(data) })
  }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    throw new AdminSocketError('ERR_ADMIN_SOCKET_ANSWER', 'an event of the server is not JSON')
  }
}
