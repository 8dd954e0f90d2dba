import { request as httpRequest, type IncomingMessage } from 'node:http'
import { type Agent, request as httpsRequest } from 'node:https'

export interface Call {
  readonly method?: string
  readonly body?: unknown
  /** Sent as it is, instead of `body`. */
  readonly text?: string
  readonly headers?: Record<string, string>
  readonly key?: string
  readonly cert?: string
  readonly ca?: string
  /** Keeps connections between calls; without it each call has its own. */
  readonly agent?: Agent
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  readonly body: any
}

/** One request over TLS. Without `ca` the server's certificate is not checked. */
export function callHttps(url: string, call: Call = {}): Promise<Reply> {
  const { key, cert, ca, agent = false } = call
  const tls = { agent, rejectUnauthorized: ca !== undefined, key, cert, ca }
  return exchange((options, onResponse) => httpsRequest(url, { ...options, ...tls }, onResponse), call)
}

/** One request over a Unix socket. */
export function callSocket(socketPath: string, path: string, call: Call = {}): Promise<Reply> {
  return exchange(
    (options, onResponse) => httpRequest({ ...options, socketPath, path, agent: false }, onResponse),
    call,
  )
}

type Send = (
  options: { method: string; headers: Record<string, string> },
  onResponse: (response: IncomingMessage) => void,
) => ReturnType<typeof httpRequest>

function exchange(send: Send, call: Call): Promise<Reply> {
  const payload = call.text ?? (call.body === undefined ? undefined : JSON.stringify(call.body))
  const headers = { ...(payload !== undefined && { 'content-type': 'application/json' }), ...call.headers }
  const method = call.method ?? (payload === undefined ? 'GET' : 'POST')
  return new Promise((resolve, reject) => {
    const request = send({ method, headers }, (response) => {
      const { statusCode: status = 0, headers } = response
      // A stream of events does not end: that it begins is the answer.
      if (headers['content-type'] === 'text/event-stream') {
        resolve({ status, headers, text: '', body: undefined })
        request.destroy()
        return
      }
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status, headers, text, body: parse(text) })
      })
    })
    request.on('error', reject)
    request.end(payload)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
