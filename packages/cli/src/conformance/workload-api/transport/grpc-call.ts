import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'
import { type Answer, type Ending, grpcEnding } from './ending.ts'

const PREFIX_LENGTH = 5
/** Far more than the largest answer a client would take. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024
/** Messages that nobody has read yet: a server may never stop. */
const MAX_UNREAD = 1_000

const RESET_NAMES = new Map(
  Object.entries(constants)
    .filter(([name]) => name.startsWith('NGHTTP2_') && !name.startsWith('NGHTTP2_ERR_'))
    .flatMap(([name, code]) => (isResetName(name) ? [[code, name.slice('NGHTTP2_'.length)] as const] : [])),
)

/** One gRPC call, read message by message. Never throws: whatever happens is an answer. */
export class GrpcCall {
  readonly #stream: ClientHttp2Stream
  readonly #messages: Uint8Array[] = []
  #buffer: Buffer = Buffer.alloc(0)
  #headers: IncomingHttpHeaders = {}
  #trailers: IncomingHttpHeaders = {}
  #ending: Ending | undefined
  #wake = () => {}

  /** @param isReading `false` for a client that asks and never reads */
  constructor(stream: ClientHttp2Stream, request: Uint8Array | undefined, isReading = true) {
    this.#stream = stream
    stream.on('response', (headers) => {
      this.#headers = headers
    })
    stream.on('trailers', (trailers) => {
      this.#trailers = trailers
    })
    stream.on('error', () => {})
    // A server may answer before it has read everything. The stream then stays open for what nobody will ever take.
    stream.on('end', () => {
      if (this.#status !== undefined) this.#end(this.#endingOf(stream))
    })
    stream.on('close', () => this.#end(this.#endingOf(stream)))
    if (isReading) stream.on('data', (chunk: Buffer) => this.#receive(chunk))
    if (request !== undefined) stream.end(frameMessage(request))
  }

  /** The next message, or the end, or neither after so many milliseconds. */
  async next(timeoutMs: number): Promise<Answer> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const message = this.#messages.shift()
      if (message !== undefined) return { message }
      if (this.#ending !== undefined) return { ending: this.#ending }
      const left = deadline - performance.now()
      if (left <= 0) return {}
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** For a client stream whose first message is not all there is to send. */
  write(message: Uint8Array): void {
    this.#stream.write(frameMessage(message))
  }

  cancel(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  #receive(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk])
    while (this.#buffer.length >= PREFIX_LENGTH) {
      const length = this.#buffer.readUInt32BE(1)
      if (length > MAX_MESSAGE_BYTES) {
        this.#end({ name: 'message too large', detail: `${length} bytes announced` })
        this.cancel()
        return
      }
      if (this.#buffer.length < PREFIX_LENGTH + length) return
      this.#messages.push(new Uint8Array(this.#buffer.subarray(PREFIX_LENGTH, PREFIX_LENGTH + length)))
      this.#buffer = this.#buffer.subarray(PREFIX_LENGTH + length)
      this.#wake()
      if (this.#messages.length > MAX_UNREAD) {
        this.#end({ name: 'too many messages', detail: `${MAX_UNREAD} unread` })
        this.cancel()
        return
      }
    }
  }

  #end(ending: Ending): void {
    this.#ending ??= ending
    this.#wake()
  }

  get #status(): string | string[] | undefined {
    return this.#trailers['grpc-status'] ?? this.#headers['grpc-status']
  }

  #endingOf({ rstCode }: ClientHttp2Stream): Ending {
    const status = this.#status
    const message = this.#trailers['grpc-message'] ?? this.#headers['grpc-message']
    if (status !== undefined) return grpcEnding(String(status), String(message ?? ''))
    if (rstCode !== undefined && rstCode !== constants.NGHTTP2_NO_ERROR) {
      return { name: `reset ${RESET_NAMES.get(rstCode) ?? rstCode}`, detail: '' }
    }
    const http = this.#headers[':status']
    if (http === undefined) return { name: 'disconnected', detail: '' }
    return { name: `HTTP ${http}`, detail: 'without a grpc-status' }
  }
}

/** An uncompressed message with its length. gRPC over HTTP/2, "Length-Prefixed-Message". */
export function frameMessage(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_LENGTH)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

function isResetName(name: string): boolean {
  return /^NGHTTP2_(?:NO_ERROR|PROTOCOL_ERROR|INTERNAL_ERROR|FLOW_CONTROL_ERROR|SETTINGS_TIMEOUT|STREAM_CLOSED|FRAME_SIZE_ERROR|REFUSED_STREAM|CANCEL|COMPRESSION_ERROR|CONNECT_ERROR|ENHANCE_YOUR_CALM|INADEQUATE_SECURITY|HTTP_1_1_REQUIRED)$/.test(
    name,
  )
}
