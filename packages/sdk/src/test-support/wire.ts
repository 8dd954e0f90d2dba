import { request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as it goes over the wire: fields in order, repetitions kept. */
export interface WireRequest {
  readonly method?: string
  readonly target?: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body?: string
  /** Holds the body back, as a slow client does. */
  readonly bodyAfter?: Promise<unknown>
}

export interface WireResponse {
  readonly status: number
  readonly contentType: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly text: string
}

/** Sends exactly these fields, which `fetch` would join or refuse. */
export function sendRaw(
  port: number,
  { method = 'POST', target = '/', fields, body, bodyAfter }: WireRequest,
): Promise<WireResponse> {
  return new Promise((resolve, reject) => {
    const hasHost = fields.some(([name]) => name.toLowerCase() === 'host')
    const outgoing = request({
      host: '127.0.0.1',
      port,
      method,
      path: target,
      agent: false,
      setHost: false,
      headers: [
        ...(hasHost ? [] : ['host', `127.0.0.1:${port}`]),
        ...(body === undefined
          ? []
          : ['content-type', 'application/json', 'content-length', `${Buffer.byteLength(body)}`]),
        ...fields.flat(),
      ],
    })
    outgoing.on('error', reject)
    outgoing.on('response', async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      resolve({
        status: response.statusCode ?? 0,
        contentType: response.headers['content-type'] ?? '',
        fields: response.headers,
        text: Buffer.concat(chunks).toString('utf8'),
      })
    })
    outgoing.flushHeaders()
    if (bodyAfter === undefined) outgoing.end(body)
    else bodyAfter.then(() => outgoing.end(body))
  })
}

/** @returns the port */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

export async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
