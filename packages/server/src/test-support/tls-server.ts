import type { X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'

export interface TlsServer {
  readonly port: number
  readonly requests: string[]
  /** Connections accepted so far, whether or not their handshake went well. */
  readonly connections: readonly Socket[]
  /** What each connection whose handshake went well showed as its certificate. */
  readonly peerCertificates: readonly (X509Certificate | undefined)[]
}

export type Answer = (request: IncomingMessage, response: ServerResponse, socket: TLSSocket) => void

/** An HTTPS server on loopback, on any free port, ended with the running test. */
export async function startTlsServer(options: ServerOptions, answer: Answer, host = '127.0.0.1'): Promise<TlsServer> {
  const requests: string[] = []
  const connections: Socket[] = []
  const peerCertificates: (X509Certificate | undefined)[] = []
  const server = createServer(options, (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    answer(request, response, request.socket as TLSSocket)
  })
  server.on('connection', (socket: Socket) => connections.push(socket.on('error', () => {})))
  server.on('secureConnection', (socket: TLSSocket) => peerCertificates.push(socket.getPeerX509Certificate()))
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const socket of connections) socket.destroy()
      }),
  )
  return { port: (server.address() as AddressInfo).port, requests, connections, peerCertificates }
}
