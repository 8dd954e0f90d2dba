import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

export interface Call {
  readonly method?: string
  readonly body?: unknown
  readonly key?: string
  readonly cert?: string
}

export interface Reply {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: scenarios look into answers freely
  readonly body: any
}

/** One request over TLS, on a connection of its own; whom it reaches is not what these scenarios are about. */
export function callHttps(url: string, { key, cert, ...call }: Call = {}): Promise<Reply> {
  const tls = { agent: false, rejectUnauthorized: false, key, cert } as const
  return exchange((options, onResponse) => httpsRequest(url, { ...options, ...tls }, onResponse), call)
}

/** @throws Error of the system when no whole answer comes: then nothing was acknowledged */
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
  const payload = call.body === undefined ? undefined : JSON.stringify(call.body)
  const headers: Record<string, string> = payload === undefined ? {} : { 'content-type': 'application/json' }
  const method = call.method ?? (payload === undefined ? 'GET' : 'POST')
  return new Promise((resolve, reject) => {
    const request = send({ method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('close', () => reject(new Error('connection was closed')))
      response.on('end', () => {
        if (!response.complete) return reject(new Error('answer was cut short'))
        const text = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) })
      })
    })
    request.on('error', reject)
    request.end(payload)
  })
}
