import type { ServerOptions as HttpServerOptions, RequestListener } from 'node:http'
import {
  createSecureServer,
  type Http2SecureServer,
  type ServerOptions as Http2ServerOptions,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { createServer, type Agent as HttpsAgent, type Server as HttpsServer } from 'node:https'
import type { TLSSocket, Server as TlsServer } from 'node:tls'
import { SdkError } from '../sdk-error.ts'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import { connectPeer } from './connect-peer.ts'
import { type ConnectionDemand, settleDemand } from './connection-demand.ts'
import type { ExpectedPeer, Peer, PeerDirectory } from './expected-peer.ts'
import { guardServer, type OnRejectedPeer, serverTlsOptions } from './guard-server.ts'
import { PeerAgent } from './peer-agent.ts'
import { PeerDispatcher } from './peer-dispatcher.ts'
import { peerFetch } from './peer-fetch.ts'
import type { TlsPeer } from './tls-peer.ts'
import { HANDSHAKE_TIMEOUT_MS } from './tls-settings.ts'
import type { X509Source } from './x509-source.ts'

export interface MutualTlsOptions {
  /** Which workload is behind which address, where a call does not say so itself. */
  readonly peers?: PeerDirectory
}

export interface PeerServerOptions {
  /** Who may connect at all; default every workload of a trusted domain. What each may do is for the policy. */
  readonly expected?: ExpectedPeer
  /** Told of each connection that was refused, and why. Nothing in it is secret. */
  readonly onRejectedPeer?: OnRejectedPeer
}

export interface PeerHttpsServerOptions extends HttpServerOptions, PeerServerOptions {}

export interface PeerHttp2ServerOptions extends Http2ServerOptions, PeerServerOptions {
  /** Also speaks HTTP/1.1, with clients that ask for it. Default false. */
  readonly allowHTTP1?: boolean
}

export interface PeerRequestInit extends RequestInit {
  /** Whom this request must reach; default what `peers` says of the address, else whoever the DNS name belongs to. */
  readonly peer?: Peer
}

export interface PeerConnectOptions {
  /** DNS name or IP address. */
  readonly host: string
  readonly port: number
  readonly peer?: Peer
  /** Default `['http/1.1']`. */
  readonly alpnProtocols?: readonly string[]
  readonly signal?: AbortSignal
}

/** Demands that have connections of their own. A function made anew for each call is a new demand each time. */
const MAX_DISPATCHERS = 256
const HTTPS_PORT = 443

/**
 * Mutual TLS with this program's X.509 identity, on both sides: who is at the other end is verified, by the roots of its
 * own trust domain, before a byte of HTTP is read from it or written to it. Certificates and trust are the source's at
 * every moment; open connections are not dropped when they change.
 *
 * @see draft-ietf-wimse-mutual-tls; SPIFFE X509-SVID section 5
 */
export class MutualTls {
  readonly #source: X509Source
  readonly #runtime: Pick<WorkloadRuntime, 'now' | 'schedule'>
  readonly #directory: PeerDirectory
  /** By the demand their connections were verified for, longest unused first. */
  readonly #dispatchers = new Map<string, PeerDispatcher>()
  readonly #agents = new Set<WeakRef<PeerAgent>>()
  readonly #endings = new Set<() => void>()
  #closed = false

  constructor(
    source: X509Source,
    runtime: Pick<WorkloadRuntime, 'now' | 'schedule'>,
    { peers = {} }: MutualTlsOptions = {},
  ) {
    this.#source = source
    this.#runtime = runtime
    this.#directory = peers
    // Connections that nobody may use again must not wait for the next request to go.
    this.#endings.add(
      source.onChange(() => {
        for (const dispatcher of this.#dispatchers.values()) dispatcher.dropUnusable()
        for (const agent of this.#liveAgents()) agent.dropUnusable()
      }),
    )
  }

  /**
   * An HTTPS server that nobody reaches without a verified certificate. `tlsPeerOf(request, now)` tells who it is.
   *
   * @throws SdkError as `X509Source.identity`
   */
  createHttpsServer(options: PeerHttpsServerOptions, listener?: RequestListener): HttpsServer {
    const server = createServer({ ...options, ...this.#tlsOptions() }, listener)
    this.#guard(server, options)
    return server
  }

  /** The same for HTTP/2. @throws SdkError as `X509Source.identity` */
  createHttp2Server(
    options: PeerHttp2ServerOptions,
    listener?: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
  ): Http2SecureServer {
    const server = createSecureServer({ ...options, ...this.#tlsOptions() }, listener)
    this.#guard(server, options)
    return server
  }

  /**
   * `fetch` to a server that must prove who it is before the request is written. https only; follows no redirects.
   *
   * @throws SdkError as `X509Source.identity`, and `ERR_SDK_REQUEST` for another scheme or when redirects are to be followed
   * @throws TlsError `ERR_TLS_NO_EXPECTATION`, `ERR_TLS_HOST_NAME` when nothing can be demanded of that address
   * @throws CertificateError and TlsError as the connection is refused
   */
  readonly fetch = async (input: string | URL | Request, init: PeerRequestInit = {}): Promise<Response> => {
    const { peer, ...rest } = init
    const url = new URL(input instanceof Request ? input.url : input)
    if (url.protocol !== 'https:') throw new SdkError('ERR_SDK_REQUEST', 'mutual TLS needs an https address')
    void this.#source.identity
    const access = { host: url.hostname, port: Number(url.port || HTTPS_PORT) }
    return peerFetch(this.#dispatcherFor(settleDemand(access, peer, this.#directory)), input, rest)
  }

  /** For node:https requests: `request(url, { agent: mutualTls.httpsAgent(peer) })`. Keep it: it keeps connections. */
  httpsAgent(peer?: Peer): HttpsAgent {
    this.#requireOpen()
    const agent = new PeerAgent({ source: this.#source, runtime: this.#runtime, peer, directory: this.#directory })
    this.#agents.add(new WeakRef(agent))
    return agent
  }

  /**
   * A connection for any other protocol; for HTTP/2, `http2.connect(url, { createConnection: () => socket })` with
   * `alpnProtocols: ['h2']`. Verified when it is handed over, and the caller's from then on.
   *
   * There are no options for `tls.connect` on purpose: what Node calls with the peer's certificate it does not call when
   * OpenSSL refuses or resumes by itself.
   *
   * @throws SdkError, CertificateError, TlsError as {@link fetch}
   */
  async connect(options: PeerConnectOptions): Promise<TLSSocket> {
    const { host, port, peer, alpnProtocols = ['http/1.1'], signal } = options
    this.#requireOpen()
    const access = { host, port }
    const demand = settleDemand(access, peer, this.#directory)
    return connectPeer(this.#parts, { access, demand, alpnProtocols, signal })
  }

  /**
   * What this program shows at the moment: whom it proves, and the leaf in DER.
   *
   * @throws SdkError as `X509Source.identity`
   */
  get certificate(): TlsPeer {
    const { id, expiresAt, chain } = this.#source.identity
    return { id, expiresAt, certificate: chain[0] as Uint8Array }
  }

  /**
   * Ends idle connections of clients, lets requests of `fetch` in flight finish, and lets servers accept nobody any more.
   * The servers themselves are their makers' to close.
   */
  async close(): Promise<void> {
    this.#closed = true
    for (const end of this.#endings) end()
    this.#endings.clear()
    for (const agent of this.#liveAgents()) agent.destroy()
    this.#agents.clear()
    const dispatchers = [...this.#dispatchers.values()]
    this.#dispatchers.clear()
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.close()))
  }

  get #parts() {
    return { source: this.#source, runtime: this.#runtime }
  }

  #tlsOptions() {
    this.#requireOpen()
    return { ...serverTlsOptions(this.#source), handshakeTimeout: HANDSHAKE_TIMEOUT_MS }
  }

  #guard(server: TlsServer, { expected, onRejectedPeer }: PeerServerOptions): void {
    const end = guardServer(server, {
      ...this.#parts,
      expected,
      onRejectedPeer,
    })
    this.#endings.add(end)
    server.once('close', () => this.#endings.delete(end))
  }

  #dispatcherFor(demand: ConnectionDemand): PeerDispatcher {
    this.#requireOpen()
    const known = this.#dispatchers.get(demand.key)
    const dispatcher = known ?? this.#createDispatcher(demand)
    this.#dispatchers.delete(demand.key)
    this.#dispatchers.set(demand.key, dispatcher)
    for (const [key, oldest] of this.#dispatchers) {
      if (this.#dispatchers.size <= MAX_DISPATCHERS) break
      this.#dispatchers.delete(key)
      void oldest.close()
    }
    return dispatcher
  }

  #createDispatcher(demand: ConnectionDemand): PeerDispatcher {
    return new PeerDispatcher({
      ...this.#parts,
      open: (access) => connectPeer(this.#parts, { access, demand, alpnProtocols: ['http/1.1'] }),
    })
  }

  #liveAgents(): readonly PeerAgent[] {
    return [...this.#agents].flatMap((reference) => {
      const agent = reference.deref()
      if (agent === undefined) this.#agents.delete(reference)
      return agent ?? []
    })
  }

  #requireOpen(): void {
    if (this.#closed) throw new SdkError('ERR_SDK_CLOSED', 'mutual TLS of this workload is closed')
  }
}
