import type { Client as GrpcClient, Metadata, MethodDefinition } from '@grpc/grpc-js'

/** What ends a call besides a status of the server. */
export type CallFailure = 'CANCELLED' | 'DISCONNECTED' | 'FAILED'

/** What the calls of one API have in common. */
export interface CallStyle {
  /** Sent with every call. */
  readonly metadata: () => Metadata
  /** Patience of a unary call in milliseconds. */
  readonly timeoutMs: number
  /** Turns what gRPC throws into a typed error; others pass unchanged. */
  readonly toError: (error: unknown) => unknown
  readonly failure: (failure: CallFailure, message: string, options?: { readonly cause: unknown }) => Error
  /** Whether an error of `toError` says that the call was cancelled. */
  readonly isCancel: (error: unknown) => boolean
}

/** Calls one gRPC client, with signals for cancelling and typed errors. */
export class GrpcCalls {
  readonly #client: GrpcClient
  readonly #style: CallStyle

  constructor(client: GrpcClient, style: CallStyle) {
    this.#client = client
    this.#style = style
  }

  /** Messages until the stream ends, which always is an error: an endpoint never ends one on purpose. */
  async *stream<In, Out>(
    method: MethodDefinition<In, Out>,
    request: In,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Out, never, void> {
    this.#rejectAborted(signal)
    const { path, requestSerialize, responseDeserialize } = method
    const metadata = this.#style.metadata()
    const call = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata)
    const cancel = () => call.cancel()
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      for await (const message of call) yield message
    } catch (error) {
      throw this.#withoutForeignCancel(this.#style.toError(error), signal)
    } finally {
      signal?.removeEventListener('abort', cancel)
      // A cancelled call still emits an error, which nobody reads once the loop was left.
      call.on('error', () => {})
      call.cancel()
    }
    throw this.#style.failure('DISCONNECTED', 'ended the stream')
  }

  unary<In, Out>(method: MethodDefinition<In, Out>, request: In, signal: AbortSignal | undefined): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.#rejectAborted(signal)
      const cancel = () => call.cancel()
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.#style.metadata(),
        { deadline: Date.now() + this.#style.timeoutMs },
        (error, response) => {
          signal?.removeEventListener('abort', cancel)
          if (error !== null) reject(this.#withoutForeignCancel(this.#style.toError(error), signal))
          else if (response === undefined) reject(this.#style.failure('FAILED', 'gave an empty answer'))
          else resolve(response)
        },
      )
      signal?.addEventListener('abort', cancel, { once: true })
    })
  }

  /**
   * An endpoint that shuts down cancels its calls. Only a cancel of our own means that nobody wants the answer any more;
   * the other is a lost connection, to be tried again.
   */
  #withoutForeignCancel(error: unknown, signal: AbortSignal | undefined): unknown {
    if (!this.#style.isCancel(error) || signal?.aborted === true) return error
    return this.#style.failure('DISCONNECTED', 'cancelled the call', { cause: error })
  }

  #rejectAborted(signal: AbortSignal | undefined): void {
    if (signal?.aborted) throw this.#style.failure('CANCELLED', 'was not called: the call is cancelled')
  }
}
