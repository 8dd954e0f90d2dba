import type { TLSSocket } from 'node:tls'
import { Agent, type buildConnector, Dispatcher } from 'undici'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import type { Access } from './connection-demand.ts'
import { connectionOf } from './tls-peer.ts'
import type { X509Source } from './x509-source.ts'

const HTTPS_PORT = 443

export interface PeerDispatcherOptions {
  readonly source: X509Source
  readonly runtime: Pick<WorkloadRuntime, 'now'>
  /** Opens a verified connection. */
  readonly open: (access: Access) => Promise<TLSSocket>
}

/** Connections that were opened with one certificate of ours. */
interface Pool {
  readonly agent: Agent
  readonly version: number
  readonly open: Set<TLSSocket>
}

/**
 * Connections for `fetch` that were all verified for one demand. As soon as one of them could not be used any more (a
 * new certificate of ours, new roots, a peer whose certificate has ended), new requests go to new connections; requests
 * in flight are finished on theirs.
 */
export class PeerDispatcher extends Dispatcher {
  readonly #options: PeerDispatcherOptions
  readonly #retiring = new Set<Agent>()
  #pool: Pool | undefined

  constructor(options: PeerDispatcherOptions) {
    super()
    this.#options = options
  }

  /**
   * Picks the connections in the very moment a request is dispatched.
   *
   * @throws SdkError as `X509Source.identity`
   */
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    void this.#options.source.identity
    return this.#usablePool().agent.dispatch(options, handler)
  }

  /** Lets requests in flight finish. */
  override async close(): Promise<void> {
    this.#retire()
    await Promise.allSettled([...this.#retiring].map((agent) => agent.close()))
  }

  override async destroy(): Promise<void> {
    this.#retire()
    await Promise.allSettled([...this.#retiring].map((agent) => agent.destroy()))
  }

  /** Gives up connections that no request may use any more. */
  dropUnusable(): void {
    if (this.#pool !== undefined && !this.#isUsable(this.#pool)) this.#retire()
  }

  #usablePool(): Pool {
    this.dropUnusable()
    this.#pool ??= this.#createPool()
    return this.#pool
  }

  #isUsable({ version, open }: Pool): boolean {
    const { source, runtime } = this.#options
    const now = runtime.now()
    return version === source.version && [...open].every((socket) => connectionOf(socket)?.isUsableAt(now) === true)
  }

  #createPool(): Pool {
    const open = new Set<TLSSocket>()
    const connect: buildConnector.connector = ({ hostname, port }, callback) => {
      this.#options.open({ host: hostname, port: Number(port || HTTPS_PORT) }).then(
        (socket) => {
          open.add(socket)
          socket.once('close', () => open.delete(socket))
          callback(null, socket)
        },
        (error: Error) => callback(error, null),
      )
    }
    return { agent: new Agent({ connect }), version: this.#options.source.version, open }
  }

  #retire(): void {
    const agent = this.#pool?.agent
    this.#pool = undefined
    if (agent === undefined) return
    this.#retiring.add(agent)
    const forget = () => this.#retiring.delete(agent)
    agent.close().then(forget, forget)
  }
}
