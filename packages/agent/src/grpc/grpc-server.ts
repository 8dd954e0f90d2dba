import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Clock, Logger } from '@countersign/plugin-kit'
import {
  type GrpcFailure,
  type GrpcMethod,
  type GrpcServiceHost,
  GrpcStatus,
  type HandleBidiStreaming,
  type HandleServerStreaming,
  type HandleUnary,
} from '@countersign/workload-api/server'
import { BidiCall } from './bidi-call.ts'
import { failureTrailers, httpStatusOfRefusal, RESPONSE_HEADERS } from './grpc-headers.ts'
import { IdleSessions } from './idle-sessions.ts'
import { type CallStart, isGone, WITHOUT_MESSAGES } from './server-call.ts'
import { SingleRequestCall } from './single-request-call.ts'

/** What one connection may take. Clients that reset streams as fast as they open them are stopped by Node's own limit. */
const HTTP2_OPTIONS: ServerOptions = {
  settings: { maxConcurrentStreams: 100, maxHeaderListSize: 16_384, enablePush: false },
  maxHeaderListPairs: 128,
  maxSessionInvalidFrames: 100,
  maxOutstandingPings: 10,
  maxSettings: 32,
}

type Begin = (start: CallStart) => void

interface Route {
  readonly method: GrpcMethod<unknown, unknown>
  readonly begin: Begin
}

export interface GrpcServerOptions {
  /** For all services; those with smaller requests have a smaller limit of their own. */
  readonly maxRequestBytes: number
  readonly clock: Clock
  readonly log: Logger
  /** Told of each call that is over, with its status. */
  readonly onCallEnd?: (path: string, status: number) => void
}

/**
 * A gRPC server on bare HTTP/2, with what the services on the agent's socket need and no more: no compression, no metadata
 * in answers, no interceptors. Takes connections that somebody else has accepted.
 *
 * @see gRPC over HTTP2 (doc/PROTOCOL-HTTP2.md of the gRPC project)
 */
export class GrpcServer implements GrpcServiceHost {
  readonly #options: GrpcServerOptions
  readonly #http2: Http2Server
  readonly #routes = new Map<string, Route>()
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #idle: IdleSessions

  constructor(options: GrpcServerOptions) {
    this.#options = options
    this.#idle = new IdleSessions(options.clock)
    this.#http2 = createServer(HTTP2_OPTIONS)
    this.#http2.on('session', (session) => this.#enter(session))
    this.#http2.on('stream', (stream, headers) => this.#route(stream, headers))
    // The listener logs what clients do wrong, under the program's name.
    this.#http2.on('sessionError', () => {})
  }

  addService(
    methods: Readonly<Record<string, GrpcMethod<unknown, unknown>>>,
    handlers: Readonly<Record<string, unknown>>,
  ): void {
    for (const [name, method] of Object.entries(methods)) {
      const handler = handlers[name]
      if (typeof handler !== 'function') throw new TypeError(`no handler for ${method.path}`)
      this.#routes.set(method.path, { method, begin: beginnerOf(method, handler) })
    }
  }

  /** Takes over an accepted connection. */
  serve(connection: Duplex): void {
    this.#http2.emit('connection', connection)
  }

  /** Drops every connection. Calls that are still open are cancelled. */
  close(): void {
    this.#idle.close()
    for (const session of this.#sessions) session.destroy()
    this.#http2.close()
  }

  #enter(session: ServerHttp2Session): void {
    this.#sessions.add(session)
    this.#idle.add(session)
    session.once('close', () => {
      this.#sessions.delete(session)
      this.#idle.delete(session)
    })
  }

  #route(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // What goes wrong with a stream shows in its `close`.
    stream.on('error', ignore)
    this.#idle.count(stream)
    const refusal = httpStatusOfRefusal(headers)
    if (refusal !== undefined) {
      refuse(stream, { ':status': refusal })
      return
    }
    const route = this.#routes.get(headers[':path'] ?? '')
    if (route === undefined) {
      const unknown = { code: GrpcStatus.UNIMPLEMENTED, details: 'method is not known' }
      refuse(stream, { ...RESPONSE_HEADERS, ...failureTrailers(unknown) })
      return
    }
    route.begin({ ...this.#options, stream, headers, method: route.method })
  }
}

function ignore(): void {}

/** The stream is closed by Node when it has been answered and nobody has read from it. */
function refuse(stream: ServerHttp2Stream, headers: Readonly<Record<string, string | number>>): void {
  if (!isGone(stream)) stream.respond(headers, WITHOUT_MESSAGES)
}

function beginnerOf({ requestStream, responseStream }: GrpcMethod<unknown, unknown>, handler: unknown): Begin {
  if (requestStream && !responseStream) throw new TypeError('client streaming methods are not served')
  if (requestStream) {
    const handle = handler as HandleBidiStreaming<unknown, unknown>
    return (start) => new BidiCall(start).start(handle)
  }
  if (responseStream) {
    const handle = handler as HandleServerStreaming<unknown, unknown>
    return (start) => void new SingleRequestCall(start, handle)
  }
  const handle = handler as HandleUnary<unknown, unknown>
  return (start) => void new SingleRequestCall(start, (call) => handle(call, answerer(call)))
}

function answerer(call: SingleRequestCall) {
  return (failure: GrpcFailure | null, response?: unknown): void => {
    if (failure === null) call.answer(response)
    else call.fail(failure)
  }
}
