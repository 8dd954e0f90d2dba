import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo, ListenOptions, Socket } from 'node:net'
import { HttpError } from './http-error.ts'
import { PROBLEM_MEDIA_TYPE, toProblem } from './problem.ts'

/** Options of node:http and node:https servers: what one peer may take, and for how long. */
export const SERVER_LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
} as const

const MAX_CONNECTIONS = 10_000
const STOP_TIMEOUT_MS = 5_000

/** Accepts connections for an HTTP or HTTPS server, and ends them all when it stops. */
export class Listener {
  readonly #server: Server
  /** As accepted: Node counts a connection that has not sent a request yet, or is in its TLS handshake, nowhere. */
  readonly #sockets = new Set<Socket>()
  readonly #unanswered = new Set<ServerResponse>()
  #onAnswered: () => void = () => {}

  constructor(server: Server) {
    this.#server = server
    server.maxConnections = MAX_CONNECTIONS
    server.on('clientError', answerUnreadable)
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.on('request', (_request, response) => {
      this.#unanswered.add(response)
      response.once('close', () => {
        this.#unanswered.delete(response)
        if (this.#unanswered.size === 0) this.#onAnswered()
      })
    })
  }

  listen(options: ListenOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(options, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Accepts nothing more, lets requests under way finish for a few seconds, then ends every connection. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    await this.#allAnswered()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #allAnswered(): Promise<void> {
    if (this.#unanswered.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, STOP_TIMEOUT_MS)
      this.#onAnswered = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Not HTTP at all, or a header over the limit: there is no request to answer, only a connection to end. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const isOverflow = error.code === 'HPE_HEADER_OVERFLOW'
  const status = isOverflow ? '431 Request Header Fields Too Large' : '400 Bad Request'
  const problem = toProblem(new HttpError('ERR_HTTP_REQUEST', 'request cannot be read'))
  const body = JSON.stringify({ ...problem, status: isOverflow ? 431 : 400 })
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n\r\n${body}`,
  )
}
