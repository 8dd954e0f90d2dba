import { createServer, type Server, type ServerOptions } from 'node:https'
import type { FastifyInstance } from 'fastify'
import { Listener, SERVER_LIMITS } from '../http/listener.ts'
import { ServerError } from '../server-error.ts'
import { limitPerCertificate } from './limit-per-certificate.ts'
import type { TlsCredentialSource } from './tls-credential.ts'

export interface TlsListenerOptions {
  readonly app: Pick<FastifyInstance, 'routing'>
  readonly host: string
  readonly port: number
  readonly credential: TlsCredentialSource
  /** Without it only the number of all connections is limited. */
  readonly maxConnectionsPerCertificate?: number
  readonly tls: Pick<ServerOptions, 'minVersion' | 'requestCert' | 'rejectUnauthorized'>
}

const HANDSHAKE_TIMEOUT_MS = 10_000

/** An HTTPS server whose certificate is exchanged while it runs; open connections keep theirs. */
export class TlsListener {
  readonly #server: Server
  readonly #listener: Listener
  readonly #options: TlsListenerOptions

  private constructor(server: Server, listener: Listener, options: TlsListenerOptions) {
    this.#server = server
    this.#listener = listener
    this.#options = options
  }

  /** @throws ServerError `ERR_SERVER_ADDRESS` when the address is taken or not one of this machine's */
  static async open(options: TlsListenerOptions): Promise<TlsListener> {
    const { app, host, port, credential, tls, maxConnectionsPerCertificate } = options
    const serverOptions = {
      ...SERVER_LIMITS,
      ...tls,
      ...(await credential.load()),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    }
    const server = createServer(serverOptions, (request, response) => app.routing(request, response))
    // A peer that fails its handshake has told nothing worth a log line; without a listener Node would do the same.
    server.on('tlsClientError', (_error, socket) => socket.destroy())
    if (maxConnectionsPerCertificate !== undefined) limitPerCertificate(server, maxConnectionsPerCertificate)
    const listener = new Listener(server)
    try {
      await listener.listen({ host, port })
    } catch (cause) {
      const detail = `${host}:${port} ${String((cause as NodeJS.ErrnoException).code ?? '')}`
      throw new ServerError('ERR_SERVER_ADDRESS', 'cannot listen on the configured address', { detail, cause })
    }
    return new TlsListener(server, listener, options)
  }

  get port(): number {
    return this.#listener.port
  }

  async renewCredential(): Promise<void> {
    const credential = await this.#options.credential.renewIfDue()
    // A new context starts from the defaults, so what is not repeated here would be lost.
    if (credential !== undefined) this.#server.setSecureContext({ ...this.#options.tls, ...credential })
  }

  stop(): Promise<void> {
    return this.#listener.stop()
  }
}
