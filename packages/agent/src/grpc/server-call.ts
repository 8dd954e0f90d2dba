import { EventEmitter } from 'node:events'
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { type GrpcFailure, type GrpcMethod, GrpcStatus } from '@countersign/workload-api/server'
import { CallFailure } from './call-failure.ts'
import { failureTrailers, OK_TRAILERS, parseTimeoutMs, RESPONSE_HEADERS } from './grpc-headers.ts'
import { frameMessage } from './message-frame.ts'
import { MessageReader } from './message-reader.ts'

const WITH_TRAILERS = { waitForTrailers: true, sendDate: false } as const
/** Options of an answer that is nothing but a header block: HTTP's `date` says nothing to gRPC. */
export const WITHOUT_MESSAGES = { endStream: true, sendDate: false } as const

/** What a call begins with. */
export interface CallStart {
  readonly stream: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly method: GrpcMethod<unknown, unknown>
  readonly maxRequestBytes: number
  readonly clock: Clock
  readonly log: Logger
  readonly onCallEnd?: (path: string, status: number) => void
}

/**
 * What calls of all kinds have: metadata, a deadline, and an answer. Thousands are open for months and do nothing, so each
 * keeps little, and no timer unless the client asked for one.
 *
 * Emits `cancelled` when nobody waits for the answer any more, `close` when nothing more comes, and `drain`.
 */
export abstract class ServerCall extends EventEmitter {
  readonly metadata: { get(name: string): readonly string[] }
  protected readonly reader: MessageReader
  readonly #stream: ServerHttp2Stream
  readonly #method: GrpcMethod<unknown, unknown>
  readonly #log: Logger
  readonly #onCallEnd: CallStart['onCallEnd']
  readonly #host: string
  /** How the call ends, once that is known. */
  #ending: GrpcFailure | typeof GrpcStatus.OK | undefined
  #cancelDeadline: (() => void) | undefined

  constructor({ stream, headers, method, maxRequestBytes, clock, log, onCallEnd }: CallStart) {
    super()
    this.#stream = stream
    this.#method = method
    this.#log = log
    this.#onCallEnd = onCallEnd
    this.#host = headers[':authority'] ?? ''
    const encoding = headers['grpc-encoding']?.toString()
    this.reader = new MessageReader({ maxBytes: maxRequestBytes, encoding })
    this.metadata = { get: (name) => valuesOf(headers[name.toLowerCase()]) }
    this.on('error', (failure: GrpcFailure) => this.fail(failure))
    stream.once('close', () => this.#closed())
    const timeoutMs = parseTimeoutMs(headers['grpc-timeout']?.toString())
    if (timeoutMs !== undefined) this.#cancelDeadline = clock.schedule(timeoutMs, () => this.#expire())
  }

  get hasEnded(): boolean {
    return this.#ending !== undefined
  }

  get #status(): number {
    if (this.#ending === undefined) return GrpcStatus.CANCELLED
    return typeof this.#ending === 'object' ? this.#ending.code : this.#ending
  }

  /** Whether there is nobody to answer, or nothing more to say. */
  get #isOver(): boolean {
    return this.hasEnded || isGone(this.#stream)
  }

  getPath(): string {
    return this.#method.path
  }

  getHost(): string {
    return this.#host
  }

  /** @throws Error when it is no such message */
  write(message: unknown, done?: () => void): boolean {
    if (this.#isOver) {
      if (done !== undefined) process.nextTick(done)
      return false
    }
    const octets = frameMessage(this.#method.responseSerialize(message))
    this.#begin()
    const hasRoom = this.#stream.write(octets, done)
    if (!hasRoom && this.#stream.listenerCount('drain') === 0) this.#stream.once('drain', () => this.emit('drain'))
    return hasRoom
  }

  /** Sends the only message, and ends the call well. */
  answer(message: unknown): void {
    this.attempt(() => {
      if (this.#isOver) return
      const octets = frameMessage(this.#method.responseSerialize(message))
      this.#end(GrpcStatus.OK)
      this.#begin()
      this.#stream.end(octets)
    })
  }

  end(): void {
    if (this.#isOver) return
    this.#end(GrpcStatus.OK)
    if (this.#stream.headersSent) this.#stream.end()
    else this.#respondOnly(OK_TRAILERS)
  }

  fail(failure: GrpcFailure): void {
    if (this.#isOver) return
    this.#end(failure)
    if (this.#stream.headersSent) this.#stream.end()
    else this.#respondOnly(failureTrailers(failure))
  }

  /** Does a step of the call. What it throws ends the call: nothing of it may end the program. */
  protected attempt(step: () => void): void {
    try {
      step()
    } catch (error) {
      if (!(error instanceof CallFailure)) this.#log.error({ code: errorCode(error), error }, 'gRPC call failed')
      this.fail(error instanceof CallFailure ? error : new CallFailure(GrpcStatus.INTERNAL, 'internal error'))
    }
  }

  protected nextRequest(): { readonly request: unknown } | undefined {
    const bytes = this.reader.next()
    return bytes && { request: this.#method.requestDeserialize(bytes) }
  }

  /** Before the client is done: what has come must be whole. */
  protected rejectHalfMessage(): void {
    if (!this.reader.isEmpty) throw new CallFailure(GrpcStatus.INTERNAL, 'last message is cut off')
  }

  #begin(): void {
    if (this.#stream.headersSent) return
    this.#stream.respond(RESPONSE_HEADERS, WITH_TRAILERS)
    this.#stream.once('wantTrailers', () => {
      const trailers = typeof this.#ending === 'object' ? failureTrailers(this.#ending) : OK_TRAILERS
      this.#stream.sendTrailers(trailers)
      stopClient(this.#stream)
    })
  }

  /** "Trailers-Only": an answer without a message is one header block. */
  #respondOnly(trailers: OutgoingHttpHeaders): void {
    this.#stream.respond({ ...RESPONSE_HEADERS, ...trailers }, WITHOUT_MESSAGES)
    stopClient(this.#stream)
  }

  #end(ending: GrpcFailure | typeof GrpcStatus.OK): void {
    this.#ending = ending
    this.#cancelDeadline?.()
  }

  #expire(): void {
    if (this.hasEnded) return
    this.fail(new CallFailure(GrpcStatus.DEADLINE_EXCEEDED, 'deadline exceeded'))
    this.emit('cancelled')
  }

  #closed(): void {
    this.#cancelDeadline?.()
    this.#onCallEnd?.(this.#method.path, this.#status)
    if (!this.hasEnded) this.emit('cancelled')
    this.emit('close')
  }
}

/**
 * A client that has more to say is told that nobody listens, after the trailers, which wait for the same phase of the event
 * loop. RFC 9113 section 8.1.
 */
function stopClient(stream: ServerHttp2Stream): void {
  if (stream.readableEnded) return
  setImmediate(() => {
    if (!isGone(stream) && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
  })
}

/** Whether the stream can no longer be answered on, which Node would throw for. */
export function isGone(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed
}

function valuesOf(value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}
