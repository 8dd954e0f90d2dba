import { createPrivateKey } from 'node:crypto'
import { Agent, type RequestOptions } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { encodePem } from '@countersign/protocol'
import type { AgentIdentity } from '../state/agent-identity.ts'
import { type ServerTrust, verifyServer } from './verify-server.ts'

type Connected = (error: Error | null, socket: Duplex) => void

/** What a request tells its connection. */
export interface ConnectingOptions extends RequestOptions {
  /** Aborts when the request is over: a connection that never opens would stay for ever. */
  readonly connecting?: AbortSignal
}

/**
 * Opens the TLS connections to the server. A connection reaches HTTP only after the server's certificate has been
 * verified, so no byte of a request (with a join token in it, perhaps) is ever sent to anyone else.
 *
 * How many there are at a time is for the caller to limit: see {@link CallSlots}.
 *
 * Connections belong to one identity: after a renewal a new agent takes over.
 */
export class ServerTlsAgent extends Agent {
  readonly #url: URL
  readonly #trust: ServerTrust
  readonly #connecting = new Set<TLSSocket>()
  readonly #credentials: { key: string; cert: string } | undefined

  constructor(url: URL, trust: ServerTrust, identity: AgentIdentity | undefined) {
    // No session is resumed: a resumed one skips the certificate that has to be looked at.
    super({ keepAlive: true, maxFreeSockets: 4, maxCachedSessions: 0 })
    this.#url = url
    this.#trust = trust
    this.#credentials = identity && { key: privateKeyPem(identity), cert: encodePem(identity.chain) }
  }

  override createConnection({ connecting }: ConnectingOptions, callback?: Connected): undefined {
    const host = this.#url.hostname.replace(/^\[|\]$/g, '')
    const socket = connect({
      host,
      port: Number(this.#url.port || 443),
      servername: isIP(host) === 0 ? host : '',
      // Node would judge by host name and Web PKI; the server is judged by its SPIFFE ID instead, below.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['http/1.1'],
      ...this.#credentials,
    })
    socket.setKeepAlive(true, 15_000)
    this.#connecting.add(socket)
    const giveUp = () => socket.destroy()
    connecting?.addEventListener('abort', giveUp, { once: true })
    let settle = (error: Error | null) => {
      settle = () => {}
      this.#connecting.delete(socket)
      connecting?.removeEventListener('abort', giveUp)
      if (error !== null) socket.destroy()
      callback?.(error, socket)
    }
    socket.on('error', (error) => settle(error))
    socket.on('close', () => settle(new Error('connection closed')))
    socket.once('secureConnect', () => {
      verifyServer(socket, this.#trust).then(
        () => settle(null),
        (error: Error) => settle(error),
      )
    })
    return undefined
  }

  /** Also ends connections that are not open yet, which Node's own agent does not know of. */
  override destroy(): void {
    for (const socket of this.#connecting) socket.destroy()
    super.destroy()
  }
}

/** The only form TLS takes a private key in. Secret. */
export function privateKeyPem({ key }: AgentIdentity): string {
  const held = createPrivateKey({ key: Buffer.from(key.exportPkcs8()), format: 'der', type: 'pkcs8' })
  return held.export({ format: 'pem', type: 'pkcs8' }).toString()
}
