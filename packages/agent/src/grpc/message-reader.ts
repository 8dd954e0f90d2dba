import { GrpcStatus } from '@countersign/workload-api/server'
import { CallFailure } from './call-failure.ts'

/** Whether the message is compressed, and its length. */
const PREFIX_BYTES = 5
const NOTHING: Buffer = Buffer.alloc(0)

export interface MessageReaderOptions {
  readonly maxBytes: number
  /** What the request's `grpc-encoding` says. */
  readonly encoding: string | undefined
}

/**
 * Cuts what a client sends into messages. Holds one message at most, and no more room than what has come of it needs,
 * whatever length it announces.
 *
 * @see gRPC over HTTP2, "Length-Prefixed-Message"
 */
export class MessageReader {
  readonly #options: MessageReaderOptions
  #bytes = NOTHING
  #start = 0
  #end = 0
  /** Whether `#bytes` is ours to write to, and not what was received. */
  #isOwn = false

  constructor(options: MessageReaderOptions) {
    this.#options = options
  }

  /** Whether all that has come was taken as whole messages. */
  get isEmpty(): boolean {
    return this.#start === this.#end
  }

  push(chunk: Buffer): void {
    if (this.isEmpty) {
      this.#bytes = chunk
      this.#start = 0
      this.#end = chunk.length
      this.#isOwn = false
      return
    }
    // Doubled, so that a message which comes octet by octet is not copied for each.
    if (!this.#isOwn || this.#end + chunk.length > this.#bytes.length) this.#grow(chunk.length)
    chunk.copy(this.#bytes, this.#end)
    this.#end += chunk.length
  }

  /**
   * @returns the next whole message, valid until the next `push`; `undefined` when it has not all come yet
   * @throws CallFailure the call is of no more use then
   */
  next(): Buffer | undefined {
    if (this.#end - this.#start < PREFIX_BYTES) return undefined
    const isCompressed = this.#bytes[this.#start]
    if (isCompressed !== 0) throw refuseFlag(isCompressed, this.#options.encoding)
    const length = this.#bytes.readUInt32BE(this.#start + 1)
    if (length > this.#options.maxBytes) {
      throw new CallFailure(GrpcStatus.RESOURCE_EXHAUSTED, `message is longer than ${this.#options.maxBytes} bytes`)
    }
    const start = this.#start + PREFIX_BYTES
    if (this.#end - start < length) return undefined
    this.#start = start + length
    const message = this.#bytes.subarray(start, this.#start)
    // What was received is not held on to.
    if (this.isEmpty) this.#bytes = NOTHING
    return message
  }

  #grow(more: number): void {
    const unread = this.#bytes.subarray(this.#start, this.#end)
    this.#bytes = Buffer.allocUnsafeSlow(2 * (unread.length + more))
    unread.copy(this.#bytes)
    this.#start = 0
    this.#end = unread.length
    this.#isOwn = true
  }
}

/** @see gRPC compression, "Compression Method Asymmetry Between Peers" */
function refuseFlag(flag: number | undefined, encoding = 'identity'): CallFailure {
  if (flag !== 1 || encoding === 'identity') return new CallFailure(GrpcStatus.INTERNAL, 'message has a wrong prefix')
  return new CallFailure(GrpcStatus.UNIMPLEMENTED, 'compressed messages are not accepted')
}
