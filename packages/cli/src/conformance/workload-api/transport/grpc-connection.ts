import { type ClientHttp2Session, connect, type Settings } from 'node:http2'
import type { Duplex } from 'node:stream'
import { ConformanceError } from '../../conformance-error.ts'
import { GrpcCall } from './grpc-call.ts'
import type { HeaderField } from './header-block.ts'
import { HeaderRewriter } from './header-rewriter.ts'

/** Opens one connection to the endpoint. */
export type Dial = () => Promise<Duplex>

export interface CallOptions {
  /** `:authority`; `null` sends none. Default `localhost`. */
  readonly authority?: string | null
  /** In place of the security header, names and values as they are. */
  readonly metadata?: readonly HeaderField[]
  /** `false` for a client that asks and never reads. */
  readonly isReading?: boolean
}

export const SECURITY_METADATA: readonly HeaderField[] = [['workload.spiffe.io', 'true']]

/** One HTTP/2 connection without TLS, on which any header fields can be sent. */
export class GrpcConnection {
  readonly #session: ClientHttp2Session
  readonly #fields = new Map<number, readonly HeaderField[]>()

  private constructor(connection: Duplex, settings: Settings) {
    const rewriter = new HeaderRewriter(connection, (streamId) => this.#fields.get(streamId) ?? [])
    this.#session = connect('http://localhost', { createConnection: () => rewriter, settings })
    this.#session.on('error', () => {})
  }

  /** @throws ConformanceError `ERR_CONFORMANCE_UNREACHABLE` when no HTTP/2 server answers in time */
  static async open(dial: Dial, timeoutMs: number, settings: Settings = {}): Promise<GrpcConnection> {
    const connection = new GrpcConnection(await dial(), settings)
    const session = connection.#session
    const failure = await new Promise<string | undefined>((resolve) => {
      const timer = setTimeout(() => resolve('no HTTP/2 settings in time'), timeoutMs)
      session.once('remoteSettings', () => resolve(undefined))
      session.once('close', () => resolve('connection was closed'))
      session.once('error', (error) => resolve(error.message))
      session.once('remoteSettings', () => clearTimeout(timer))
      session.once('close', () => clearTimeout(timer))
    })
    if (failure === undefined) return connection
    connection.close()
    throw new ConformanceError('ERR_CONFORMANCE_UNREACHABLE', 'endpoint does not speak plain HTTP/2', {
      detail: failure,
    })
  }

  get isClosed(): boolean {
    return this.#session.closed || this.#session.destroyed
  }

  /**
   * @param request `undefined` leaves the request open: messages follow
   * @throws ConformanceError `ERR_CONFORMANCE_UNREACHABLE` when the server has closed the connection
   */
  call(path: string, request: Uint8Array | undefined, options: CallOptions = {}): GrpcCall {
    if (this.isClosed) throw new ConformanceError('ERR_CONFORMANCE_UNREACHABLE', 'endpoint closed the connection')
    const { authority = 'localhost', metadata = SECURITY_METADATA } = options
    const stream = this.#session.request({ ':method': 'POST', ':path': path })
    this.#fields.set(stream.id ?? 0, [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', path],
      ...(authority === null ? [] : ([[':authority', authority]] as const)),
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['user-agent', 'workload-api-conformance'],
      ...metadata,
    ])
    stream.once('close', () => this.#fields.delete(stream.id ?? 0))
    return new GrpcCall(stream, request, options.isReading)
  }

  close(): void {
    this.#session.destroy()
  }
}
