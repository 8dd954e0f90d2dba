/**
 * What handlers need of a call, whichever server received it: calls of grpc-js are such calls, and so are those of the
 * agent's own server.
 */
import type { GrpcFailure } from './grpc-status.ts'

export interface GrpcCall {
  readonly metadata: { get(name: string): readonly unknown[] }
  /** `/package.Service/Method`. */
  getPath(): string
  /** The `:authority` of the request. */
  getHost(): string
}

interface Emitting {
  /** `cancelled`: the client wants no answer any more. `close`: nothing more comes, for whatever reason. */
  on(event: string, listener: () => void): unknown
  once(event: string, listener: () => void): unknown
  /** Ends the call with this status. */
  emit(event: 'error', failure: GrpcFailure): boolean
}

interface Writing<Response> {
  /**
   * @param done called when the message has gone out, which waits for a client that does not read, or cannot any more
   * @returns whether there is room for more; if not, wait for `drain`
   */
  write(message: Response, done?: () => void): boolean
  /** Ends the call well. */
  end(): void
}

export interface UnaryCall<Request> extends GrpcCall, Emitting {
  readonly request: Request
}

export interface ServerStreamingCall<Request, Response> extends GrpcCall, Emitting, Writing<Response> {
  readonly request: Request
}

/** Emits `data` for each request, and `end` when the client will send no more. */
export interface BidiStreamingCall<Request, Response> extends GrpcCall, Emitting, Writing<Response> {
  on(event: 'data', listener: (request: Request) => void): unknown
  on(event: string, listener: () => void): unknown
  pause(): unknown
  resume(): unknown
}

export type AnswerUnary<Response> = (failure: GrpcFailure | null, response?: Response) => void
export type HandleUnary<Request, Response> = (call: UnaryCall<Request>, answer: AnswerUnary<Response>) => void
export type HandleServerStreaming<Request, Response> = (call: ServerStreamingCall<Request, Response>) => void
export type HandleBidiStreaming<Request, Response> = (call: BidiStreamingCall<Request, Response>) => void
