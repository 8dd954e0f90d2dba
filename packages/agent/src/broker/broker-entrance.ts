import { constants, randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { encodePem, errorCode } from '@countersign/protocol'
import type { BrokerConfig } from '../config/broker-config.ts'
import { LogLimit } from '../log-limit.ts'
import { privateKeyPem } from '../server-client/server-tls-agent.ts'
import { readPeerChain } from '../server-client/verify-server.ts'
import { StampedConnection } from '../socket/stamped-connection.ts'
import type { AgentIdentity } from '../state/agent-identity.ts'
import type { AgentState } from '../state/agent-state.ts'
import { BrokerConnection } from './broker-connection.ts'
import { KeyedLimit } from './keyed-limit.ts'
import type { RemoteAddress } from './remote-address.ts'

export interface BrokerEntranceOptions {
  readonly config: Pick<BrokerConfig, 'policy' | 'limits'>
  /** What is shown to brokers; nobody is let in while there is none. */
  readonly identity: () => AgentIdentity | undefined
  readonly state: AgentState
  readonly clock: Clock
  readonly log: Logger
  /** Takes over a verified connection. Each request over it has the connection's key for a host. */
  readonly serve: (connection: Duplex) => void
}

/** Handshakes cost the agent before it knows with whom, so there are few at once, and fewer from one address. */
const HANDSHAKES = { total: 64, perKey: 32 }
/** Peers that prove an identity but are no brokers are told so, and need no more room than that takes. */
const STRANGERS = { total: 16, perKey: 4 }

const TLS_OPTIONS = {
  isServer: true,
  requestCert: true,
  // OpenSSL proves that the client holds the key of its certificate. What the certificate is worth is judged by the roots
  // of its own trust domain, which OpenSSL cannot tell from those of others.
  rejectUnauthorized: false,
  ALPNProtocols: ['h2'],
}

interface Held {
  readonly connection: BrokerConnection
  readonly drop: (reason: string) => void
}

/**
 * Lets peers in that prove an identity: TLS with a client certificate, verified by the peer's own trust domain, and again
 * whenever that domain's roots change. Before that nothing of gRPC sees a byte of theirs, and when the proof ends so does
 * the connection. What the agent shows is its current certificate; connections that are open outlast its renewal.
 *
 * @see SPIFFE Broker Endpoint sections 3.1 and 5
 */
export class BrokerEntrance {
  readonly #options: BrokerEntranceOptions
  readonly #logLimit: LogLimit
  readonly #held = new Map<string, Held>()
  readonly #sockets = new Set<TLSSocket>()
  readonly #handshakes = new KeyedLimit(HANDSHAKES)
  readonly #strangers = new KeyedLimit(STRANGERS)
  readonly #brokers: KeyedLimit
  readonly #stopFollowing: () => void
  #isClosed = false
  #shown: { readonly identity: AgentIdentity; readonly context: SecureContext } | undefined

  constructor(options: BrokerEntranceOptions) {
    const { connections, connectionsPerBroker } = options.config.limits
    this.#options = options
    this.#logLimit = new LogLimit(options.clock)
    this.#brokers = new KeyedLimit({ total: connections, perKey: connectionsPerBroker })
    this.#stopFollowing = options.state.subscribe(() => this.#dropUntrusted())
  }

  /** Who is behind the connection with this key; `undefined` once it has closed. */
  connection(key: string): BrokerConnection | undefined {
    return this.#held.get(key)?.connection
  }

  get connections(): number {
    return this.#held.size
  }

  /** Takes a connection that has just been accepted and of which nothing was read. */
  accept(raw: Socket, remote: RemoteAddress): void {
    const { clock, config } = this.#options
    // A reset by the peer would otherwise end the program.
    raw.on('error', () => {})
    const secureContext = this.#isClosed ? undefined : this.#currentContext()
    const endHandshake = this.#handshakes.take(remote.text)
    if (secureContext === undefined || endHandshake === undefined) {
      endHandshake?.()
      raw.destroy()
      this.#logRefusal(
        remote,
        endHandshake === undefined ? 'too many TLS handshakes at once' : 'the agent has no identity',
      )
      return
    }
    const socket = new TLSSocket(raw, { ...TLS_OPTIONS, secureContext })
    this.#sockets.add(socket)
    let reason = 'the peer closed the connection'
    const cancelTimeout = clock.schedule(config.limits.handshakeTimeout * 1000, () => {
      reason = 'the TLS handshake took too long'
      socket.destroy()
    })
    let isSecure = false
    socket.on('error', () => {})
    // Node tells the cause of a failed handshake by this event alone.
    socket.on('_tlsError', ({ code }: { readonly code?: string }) => {
      reason = code ?? 'the TLS handshake failed'
    })
    socket.once('secure', () => {
      isSecure = true
      cancelTimeout()
      endHandshake()
      this.#enter(socket, remote)
    })
    socket.once('close', () => {
      cancelTimeout()
      endHandshake()
      this.#sockets.delete(socket)
      if (!isSecure) this.#logRefusal(remote, reason)
    })
  }

  /** Drops every connection, and lets nobody in any more. */
  close(): void {
    this.#isClosed = true
    this.#stopFollowing()
    for (const socket of this.#sockets) socket.destroy()
  }

  #enter(socket: TLSSocket, remote: RemoteAddress): void {
    const connection = this.#verify(socket, remote)
    if (connection === undefined) return
    const isBroker = this.#options.config.policy.grantOf(connection.id) !== undefined
    const leave = (isBroker ? this.#brokers : this.#strangers).take(connection.id.toString())
    if (leave === undefined) {
      socket.destroy()
      this.#logRefusal(remote, 'too many connections at once', connection)
      return
    }
    this.#hold(socket, connection, { isBroker, leave })
  }

  /** Whom the other end has proved; closes the connection of one that has proved nobody. */
  #verify(socket: TLSSocket, remote: RemoteAddress): BrokerConnection | undefined {
    const { state, clock } = this.#options
    try {
      if (socket.alpnProtocol !== 'h2') throw new TypeError('the client does not offer HTTP/2')
      // None can be: there are neither tickets nor a store of sessions. One that is would have skipped the certificate.
      if (socket.isSessionReused()) throw new TypeError('the TLS session was resumed')
      return new BrokerConnection(readPeerChain(socket), remote, state.view, clock.now())
    } catch (error) {
      socket.destroy()
      this.#logRefusal(remote, errorCode(error) ?? (error as Error).message)
      return undefined
    }
  }

  #hold(
    socket: TLSSocket,
    connection: BrokerConnection,
    { isBroker, leave }: { readonly isBroker: boolean; readonly leave: () => void },
  ): void {
    const { serve, log } = this.#options
    const { remote, id } = connection
    const key = randomBytes(16).toString('base64url')
    const drop = (reason: string) => {
      log.info({ remote: remote.text, id: id.toString(), reason }, 'connection to the broker API is dropped')
      socket.destroy()
    }
    this.#held.set(key, { connection, drop })
    const cancel = isBroker ? this.#untilExpiry(connection, drop) : this.#untilTold(socket)
    socket.once('close', () => {
      cancel()
      leave()
      this.#held.delete(key)
    })
    const onRefused = ({ code }: { readonly code: string }) => this.#logRefusal(remote, code, connection)
    serve(new StampedConnection(socket, key, onRefused))
  }

  /** A connection lasts no longer than the certificate it was opened with: the client comes back with its next one. */
  #untilExpiry(connection: BrokerConnection, drop: (reason: string) => void): () => void {
    const { clock, state } = this.#options
    let cancel = () => {}
    const wait = () => {
      const seconds = Math.max(1, connection.expiresAt - clock.now())
      cancel = clock.schedule(seconds * 1000, () => {
        const reason = connection.reasonNotToTrust(state.view, clock.now())
        if (reason === undefined) wait()
        else drop(reason)
      })
    }
    wait()
    return () => cancel()
  }

  #untilTold(socket: TLSSocket): () => void {
    const { clock, config } = this.#options
    return clock.schedule(config.limits.handshakeTimeout * 1000, () => socket.destroy())
  }

  #dropUntrusted(): void {
    const { state, clock } = this.#options
    for (const { connection, drop } of [...this.#held.values()]) {
      const reason = connection.reasonNotToTrust(state.view, clock.now())
      if (reason !== undefined) drop(reason)
    }
  }

  /** One for each certificate of the agent; `undefined` while it has none that is good. */
  #currentContext(): SecureContext | undefined {
    const identity = this.#options.identity()
    if (identity === undefined || identity.expiresAt <= this.#options.clock.now()) return undefined
    if (this.#shown?.identity !== identity) {
      const context = createSecureContext({
        minVersion: 'TLSv1.2',
        // Tickets would bring back a connection without its certificates being looked at, renegotiation exchange them.
        secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
        key: privateKeyPem(identity),
        cert: encodePem(identity.chain),
        ca: [],
      })
      this.#shown = { identity, context }
    }
    return this.#shown.context
  }

  #logRefusal(remote: RemoteAddress, reason: string, connection?: BrokerConnection): void {
    const admitted = this.#logLimit.admit(`${remote.text} ${reason}`)
    if (admitted === undefined) return
    const id = connection?.id.toString()
    this.#options.log.warn({ remote: remote.text, id, reason, ...admitted }, 'connection to the broker API is refused')
  }
}
