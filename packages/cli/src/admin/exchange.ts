import { type ClientRequest, request as httpRequest } from 'node:http'
import { AdminSocketError, socketError } from './admin-socket-error.ts'

/** One request, and how much of whose time and memory its answer may take. */
export interface HttpCall {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly timeoutSeconds: number
  readonly maxBodyBytes: number
}

export interface Exchange extends HttpCall {
  readonly socketPath: string
}

export interface Answer {
  readonly status: number
  readonly body: string
}

/**
 * One HTTP request over a Unix socket; the answer is read whole.
 *
 * @throws AdminSocketError `ERR_ADMIN_SOCKET_*` when no complete answer came back in time and in size
 */
export function exchange({ socketPath, ...call }: Exchange): Promise<Answer> {
  const { method, path } = call
  const open = (headers: Record<string, string>) => httpRequest({ socketPath, method, path, headers, agent: false })
  return converse(open, call, (error) => socketError(socketPath, error))
}

/**
 * Sends a request that is opened for it.
 *
 * @param asError what a failure of the connection is called
 * @throws AdminSocketError `ERR_ADMIN_SOCKET_TIMEOUT`, `ERR_ADMIN_SOCKET_ANSWER`, or what `asError` made
 */
export function converse(
  open: (headers: Record<string, string>) => ClientRequest,
  call: HttpCall,
  asError: (error: Error) => Error,
): Promise<Answer> {
  const { timeoutSeconds } = call
  const payload = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body))
  const headers: Record<string, string> = { accept: 'application/json, application/problem+json' }
  if (payload !== undefined) {
    headers['content-type'] = 'application/json'
    headers['content-length'] = String(payload.length)
  }
  return new Promise((resolve, reject) => {
    const request = open(headers)
    const fail = (error: Error) => {
      reject(error instanceof AdminSocketError ? error : asError(error))
      request.destroy()
    }
    const timer = setTimeout(() => {
      fail(new AdminSocketError('ERR_ADMIN_SOCKET_TIMEOUT', `no answer within ${timeoutSeconds} seconds`))
    }, timeoutSeconds * 1000)
    request.on('response', (response) => {
      const answer = (body: string) => resolve({ status: response.statusCode ?? 0, body })
      readBody(response, call.maxBodyBytes).then(answer, fail)
    })
    request.on('error', fail)
    request.on('close', () => clearTimeout(timer))
    request.end(payload)
  })
}

async function readBody(response: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    size += chunk.length
    if (size > maxBytes) throw new AdminSocketError('ERR_ADMIN_SOCKET_ANSWER', 'answer of the server is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
