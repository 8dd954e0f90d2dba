import { request as httpRequest } from 'node:http'
import { StringDecoder } from 'node:string_decoder'
import { AdminSocketError, socketError } from './admin-socket-error.ts'
import { readAnswer } from './read-answer.ts'

export interface ServerEvent {
  readonly name: string
  readonly data: unknown
}

export interface Following {
  readonly socketPath: string
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

/**
 * Reads server-sent events from the admin socket until the stream ends or the signal aborts.
 *
 * @returns when the stream has ended
 * @throws AdminProblem for a refusal
 * @throws AdminSocketError `ERR_ADMIN_SOCKET_*` when the connection failed or broke
 */
export function followEvents(following: Following): Promise<void> {
  const { socketPath, path, signal } = following
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, headers: { accept: 'text/event-stream' }, agent: false })
    const timer = { current: setTimeout(() => silent(CONNECT_TIMEOUT_MS), CONNECT_TIMEOUT_MS) }
    const stop = () => request.destroy()
    const fail = (error: Error) => {
      reject(error instanceof AdminSocketError ? error : socketError(socketPath, error))
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
      resolve()
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
