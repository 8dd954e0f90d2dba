import { setMaxListeners } from 'node:events'
import type { ClientRequest } from 'node:http'
import { Agent, type RequestOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type ConnectingParts, connectPeer } from './connect-peer.ts'
import { type Access, type ConnectionDemand, settleDemand } from './connection-demand.ts'
import type { Peer, PeerDirectory } from './expected-peer.ts'
import { connectionOf } from './tls-peer.ts'

/** How Node's own requests come to an agent. */
interface RequestQueue {
  addRequest(request: ClientRequest, options: RequestOptions): void
}
const { addRequest } = Agent.prototype as unknown as RequestQueue

const HTTPS_PORT = 443
/** What a request's connection has to prove: settled once, when the request comes. */
const DEMAND = Symbol('demand')

interface SettledOptions extends RequestOptions {
  readonly [DEMAND]?: Settled
}
type Settled = { readonly demand: ConnectionDemand; readonly key: string } | { readonly error: Error; readonly key: '' }

export interface PeerAgentOptions extends ConnectingParts {
  readonly peer: Peer | undefined
  readonly directory: PeerDirectory
}

/**
 * Connections for node:https requests: opened with this program's certificate, verified before HTTP is spoken, and used
 * again only for the same demand, with the same certificate, to a peer that still counts.
 */
export class PeerAgent extends Agent {
  readonly #parts: PeerAgentOptions
  readonly #ending = new AbortController()

  constructor(parts: PeerAgentOptions) {
    // No session is resumed: a resumed one skips the certificates.
    super({ keepAlive: true, maxCachedSessions: 0 })
    this.#parts = parts
    // One for each connection that is being opened.
    setMaxListeners(0, this.#ending.signal)
  }

  addRequest(request: ClientRequest, options: RequestOptions): void {
    this.dropUnusable()
    addRequest.call(this, request, { ...options, [DEMAND]: this.#settle(options) } as SettledOptions)
  }

  /** Connections of one name are interchangeable, so what they were verified for is part of it. */
  override getName(options?: SettledOptions): string {
    return `${super.getName(options)}:${options?.[DEMAND]?.key ?? ''}`
  }

  override createConnection(
    options: SettledOptions,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const settled = options[DEMAND] ?? this.#settle(options)
    const done = callback as (error: Error | null, socket?: Duplex) => void
    const opening =
      'error' in settled
        ? Promise.reject(settled.error)
        : connectPeer(this.#parts, {
            access: accessOf(options),
            demand: settled.demand,
            alpnProtocols: ['http/1.1'],
            signal: this.#ending.signal,
          })
    opening.then(
      (socket) => done(null, socket),
      (error: Error) => done(error),
    )
    return undefined
  }

  override keepSocketAlive(socket: Duplex): boolean {
    // Node's types have it return nothing; it says whether to keep the socket.
    return this.#isUsable(socket) && (super.keepSocketAlive(socket) as unknown) !== false
  }

  /** Also ends connections that are not open yet, which Node's own agent does not know of. */
  override destroy(): void {
    this.#ending.abort()
    super.destroy()
  }

  #settle(options: RequestOptions): Settled {
    try {
      const demand = settleDemand(accessOf(options), this.#parts.peer, this.#parts.directory)
      return { demand, key: `${this.#parts.source.version} ${demand.key}` }
    } catch (error) {
      return { error: error as Error, key: '' }
    }
  }

  /** Ends idle connections that no request may use any more. */
  dropUnusable(): void {
    const idle = Object.values(this.freeSockets).flatMap((sockets) => sockets ?? [])
    for (const socket of idle) {
      if (this.#isUsable(socket)) continue
      socket.destroy()
      // At once: the agent would otherwise take note only later, and hand it to this request.
      socket.emit('agentRemove')
    }
  }

  #isUsable(socket: Duplex | TLSSocket): boolean {
    return connectionOf(socket)?.isUsableAt(this.#parts.runtime.now()) === true
  }
}

function accessOf({ host, hostname, port }: RequestOptions): Access {
  return { host: host ?? hostname ?? 'localhost', port: Number(port ?? HTTPS_PORT) }
}
