/** One HTTP exchange with the server, with limits on time and size. */
import type { IncomingMessage } from 'node:http'
import { type Agent, request } from 'node:https'
import { Problem } from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'
import { Value } from 'typebox/value'
import { ServerCallError } from './server-call-error.ts'
import type { ConnectingOptions } from './server-tls-agent.ts'

export interface Exchange {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly body?: unknown
  readonly agent: Agent
  readonly clock: Clock
  /** Until the answer's header has arrived. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  readonly accept: string
  /** Besides those of HTTP itself. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Sends a request and waits for the header of an answer in the 200 range; the caller reads the body.
 *
 * @throws ServerCallError `ERR_AGENT_SERVER_UNREACHABLE`, `ERR_AGENT_SERVER_TIMEOUT`, `ERR_AGENT_SERVER_IDENTITY`, and what
 *   {@link toRefusal} makes of another status
 */
export async function send(exchange: Exchange): Promise<IncomingMessage> {
  const response = await sendOnly(exchange)
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) return response
  const body = await readBody(response, exchange.clock, exchange.timeoutMs, MAX_PROBLEM_BYTES).catch(() => '')
  throw toRefusal(status, body, response.headers['retry-after'])
}

const MAX_PROBLEM_BYTES = 65_536

function sendOnly(exchange: Exchange): Promise<IncomingMessage> {
  const { url, method, agent, clock, timeoutMs, accept, signal } = exchange
  const body = exchange.body === undefined ? undefined : Buffer.from(JSON.stringify(exchange.body))
  return new Promise((resolve, reject) => {
    const headers = {
      ...exchange.headers,
      accept,
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
    }
    const connecting = new AbortController()
    const options: ConnectingOptions = { method, agent, headers, connecting: connecting.signal }
    const outgoing = request(url, options)
    // A request that has no connection yet does not report its own end, so the caller is told here.
    const giveUp = (error: ServerCallError) => {
      settle()
      reject(error)
      outgoing.destroy(error)
      connecting.abort()
    }
    const abort = () => giveUp(new ServerCallError('ERR_AGENT_SERVER_UNREACHABLE', 'call to the server was stopped'))
    const cancelTimeout = clock.schedule(timeoutMs, () => {
      giveUp(new ServerCallError('ERR_AGENT_SERVER_TIMEOUT', 'server did not answer in time'))
    })
    const settle = () => {
      cancelTimeout()
      signal?.removeEventListener('abort', abort)
    }
    outgoing.once('response', (response) => {
      settle()
      resolve(response)
    })
    outgoing.on('error', (error) => {
      settle()
      reject(toConnectionError(error))
    })
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) return abort()
    outgoing.end(body)
  })
}

/** Reads a whole body. @throws ServerCallError `ERR_AGENT_SERVER_TIMEOUT`, `ERR_AGENT_SERVER_RESPONSE` when it is too large */
export async function readBody(
  response: IncomingMessage,
  clock: Clock,
  timeoutMs: number,
  maxBytes: number,
): Promise<string> {
  const cancelTimeout = clock.schedule(timeoutMs, () => {
    response.destroy(new ServerCallError('ERR_AGENT_SERVER_TIMEOUT', 'server did not finish its answer in time'))
  })
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      size += chunk.length
      if (size > maxBytes) {
        throw new ServerCallError('ERR_AGENT_SERVER_RESPONSE', `answer is larger than ${maxBytes} bytes`)
      }
      chunks.push(chunk)
    }
  } catch (error) {
    throw toConnectionError(error)
  } finally {
    cancelTimeout()
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Gives a failed connection its code. The system's own ("ECONNREFUSED") is what an operator needs to see. */
export function toConnectionError(error: unknown): ServerCallError {
  if (error instanceof ServerCallError) return error
  const reason = (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : 'unknown reason')
  return new ServerCallError('ERR_AGENT_SERVER_UNREACHABLE', 'server cannot be reached', {
    detail: reason,
    cause: error,
  })
}

/** Only the server's own word on a node ends this agent's standing; a gateway's 403 on the way does not. */
function toRefusal(status: number, body: string, retryAfter: string | undefined): ServerCallError {
  const code = readProblemCode(body)
  const detail = `status ${status}${code === undefined ? '' : ` ${code}`}`
  if (status === 401 || status === 403) {
    // Any other code of a node may pass, and must not take the identities of all programs away.
    if (code === 'ERR_NODE_BANNED' || code === 'ERR_NODE_UNKNOWN') {
      return new ServerCallError('ERR_AGENT_SERVER_REFUSED_AGENT', 'server does not accept this agent', { detail })
    }
    if (code === 'ERR_NODE_CERTIFICATE' || code === 'ERR_NODE_NO_CERTIFICATE') {
      const message = "server does not accept the agent's certificate"
      return new ServerCallError('ERR_AGENT_SERVER_REFUSED_CERTIFICATE', message, { detail })
    }
  }
  if (status === 429 && /^\d{1,6}$/.test(retryAfter ?? '')) {
    const retryAfterSeconds = Number(retryAfter)
    return new ServerCallError('ERR_AGENT_SERVER_BUSY', 'server takes no more calls of this agent for now', {
      detail,
      retryAfterSeconds,
    })
  }
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
    return new ServerCallError('ERR_AGENT_SERVER_REFUSED_REQUEST', 'server refused the request', { detail })
  }
  return new ServerCallError('ERR_AGENT_SERVER_FAILED', 'server could not answer', { detail })
}

function readProblemCode(body: string): string | undefined {
  try {
    const problem: unknown = JSON.parse(body)
    if (Value.Check(Problem, problem) && /^ERR_[A-Z0-9_]{1,64}$/.test(problem.code)) return problem.code
  } catch {
    // Not the server's own answer; the status has to do.
  }
  return undefined
}
