import { encodeLiterals } from './hpack/encode-literals.ts'
import type { HeaderField } from './hpack/header-field.ts'
import { HpackDecoder } from './hpack/hpack-decoder.ts'
import { malformed, tooLarge } from './http2-input-error.ts'

/** "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n". RFC 9113 section 3.4. */
export const PREFACE_BYTES = 24
const FRAME_HEADER_BYTES = 9
/** Most that a client may send in one frame, as long as it is not told otherwise. RFC 9113 section 6.5.2. */
const MAX_FRAME_BYTES = 16_384
/** gRPC's own hard limit for metadata. It also makes every block that is written anew fit into one frame. */
const MAX_HEADER_BYTES = 16_384 - 256
/** A block that is small enough needs none; without a limit, empty ones could be sent for ever. */
const MAX_CONTINUATIONS = 8

/** One for all connections: most hold none, for months. */
const NO_OCTETS = Buffer.alloc(0)

const HEADERS = 0x1
const PUSH_PROMISE = 0x5
const CONTINUATION = 0x9
const END_STREAM = 0x1
const END_HEADERS = 0x4
const PADDED = 0x8
const PRIORITY = 0x20

/** A header block of which a part is still to come. */
interface OpenBlock {
  readonly streamId: number
  readonly endStream: boolean
  readonly block: Buffer
  readonly continuations: number
}

interface FrameHeader {
  readonly length: number
  readonly type: number
  readonly flags: number
  readonly streamId: number
}

/**
 * Puts a stamp on every request of one connection: reads what a client sends, and replaces the `:authority` of each
 * request by a value of ours. Two reasons:
 *
 * - Over a Unix socket, clients send an empty one, a path, or `unix:` and a path. Node's HTTP/2 resets such a request before
 *   anything of ours sees it.
 * - A handler learns from the stamp, and from nothing that the client sent, which connection a request came over.
 *
 * Header blocks are decoded and written anew, since a value can be compressed, or refer to one in an earlier block. All
 * other frames, with what they carry, are passed on as they come and not copied.
 */
export class RequestStamper {
  readonly #stamp: HeaderField
  readonly #decoder = new HpackDecoder(MAX_HEADER_BYTES)
  /** Octets to pass on before the next frame begins. */
  #uncheckedBytes = PREFACE_BYTES
  readonly #head = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES)
  #headBytes = 0
  /** The frame with a header block that is being received, and how much of it has come. */
  #frame: FrameHeader | undefined
  #payload = NO_OCTETS
  #payloadBytes = 0
  #open: OpenBlock | undefined

  /** @param stamp of characters that a host name may have */
  constructor(stamp: string) {
    this.#stamp = { name: ':authority', value: stamp }
  }

  /**
   * What to pass on for the next octets of a client, in pieces. A few octets can yield many pieces: take one only when
   * there is room for it.
   *
   * @throws Http2InputError the connection is of no more use then
   */
  *push(chunk: Buffer): Generator<Buffer, void, void> {
    let at = 0
    // What is passed on as it came, from here up to `at`.
    let from = 0
    while (at < chunk.length) {
      if (this.#uncheckedBytes > 0) {
        const count = Math.min(this.#uncheckedBytes, chunk.length - at)
        this.#uncheckedBytes -= count
        at += count
        continue
      }
      if (this.#frame === undefined) {
        const start = at
        const wasSplit = this.#headBytes > 0
        const count = Math.min(FRAME_HEADER_BYTES - this.#headBytes, chunk.length - at)
        chunk.copy(this.#head, this.#headBytes, at, at + count)
        this.#headBytes += count
        at += count
        if (this.#headBytes < FRAME_HEADER_BYTES) {
          if (start > from) yield chunk.subarray(from, start)
          return
        }
        this.#headBytes = 0
        const frame = readFrameHeader(this.#head)
        if (this.#passesOn(frame)) {
          this.#uncheckedBytes = frame.length
          if (wasSplit) {
            yield Buffer.from(this.#head)
            from = at
          }
          continue
        }
        if (start > from) yield chunk.subarray(from, start)
        this.#expect(frame)
      } else {
        const count = Math.min(this.#frame.length - this.#payloadBytes, chunk.length - at)
        chunk.copy(this.#payload, this.#payloadBytes, at, at + count)
        this.#payloadBytes += count
        at += count
      }
      from = at
      const stamped = this.#takeFrame()
      if (stamped !== undefined) yield stamped
    }
    if (at > from) yield chunk.subarray(from, at)
  }

  /** Whether a frame has no header block. */
  #passesOn({ type, streamId }: FrameHeader): boolean {
    if (this.#open !== undefined) {
      if (type === CONTINUATION && streamId === this.#open.streamId) return false
      throw malformed('another frame stands between the parts of a header block')
    }
    if (type === CONTINUATION) throw malformed('header block has no beginning')
    // The only other frame with a header block, and never a client's.
    if (type === PUSH_PROMISE) throw malformed('client sent a push promise')
    return type !== HEADERS
  }

  #expect(frame: FrameHeader): void {
    if (frame.length > MAX_FRAME_BYTES) throw tooLarge('frames')
    this.#frame = frame
    this.#payload = Buffer.allocUnsafe(frame.length)
    this.#payloadBytes = 0
  }

  /** @returns the request's frame written anew, once all of its header block is here */
  #takeFrame(): Buffer | undefined {
    const frame = this.#frame
    if (frame === undefined || this.#payloadBytes < frame.length) return undefined
    const open = frame.type === HEADERS ? beginBlock(frame, this.#payload) : continueBlock(this.#open, this.#payload)
    this.#frame = undefined
    this.#payload = NO_OCTETS
    if (open.block.length > MAX_HEADER_BYTES) throw tooLarge('headers of a request')
    if ((frame.flags & END_HEADERS) === 0) {
      this.#open = open
      return undefined
    }
    this.#open = undefined
    return writeHeaders(open, encodeLiterals(this.#stamped(this.#decoder.decode(open.block))))
  }

  #stamped(fields: readonly HeaderField[]): readonly HeaderField[] {
    // Trailers have no stamp, and must not get one.
    const isRequest = fields.some(({ name }) => name === ':method' || name === ':path' || name === ':authority')
    if (!isRequest) return fields
    const stamped = fields
      // It says the same as `:authority`, and clients fill it with the same.
      .filter(({ name }) => name !== 'host')
      // Not made one if there are more: that is for HTTP/2 to refuse.
      .map((field) => (field.name === ':authority' ? this.#stamp : field))
    return stamped.includes(this.#stamp) ? stamped : [this.#stamp, ...stamped]
  }
}

/** RFC 9113 section 4.1. */
function readFrameHeader(head: Buffer): FrameHeader {
  return {
    length: head.readUIntBE(0, 3),
    type: head.readUInt8(3),
    flags: head.readUInt8(4),
    streamId: head.readUInt32BE(5) & 0x7fff_ffff,
  }
}

/** RFC 9113 section 6.2. Padding is left out, and so is the priority, which nobody heeds any more. */
function beginBlock({ flags, streamId }: FrameHeader, payload: Buffer): OpenBlock {
  if (streamId === 0) throw malformed('headers belong to no stream')
  const isPadded = (flags & PADDED) !== 0
  const padding = isPadded ? (payload[0] ?? Number.POSITIVE_INFINITY) : 0
  const start = (isPadded ? 1 : 0) + ((flags & PRIORITY) !== 0 ? 5 : 0)
  const end = payload.length - padding
  if (!(start <= end)) throw malformed('headers are shorter than their padding')
  return { streamId, endStream: (flags & END_STREAM) !== 0, block: payload.subarray(start, end), continuations: 0 }
}

function continueBlock(open: OpenBlock | undefined, payload: Buffer): OpenBlock {
  if (open === undefined) throw malformed('header block has no beginning')
  if (open.continuations === MAX_CONTINUATIONS) throw tooLarge('headers of a request')
  return { ...open, block: Buffer.concat([open.block, payload]), continuations: open.continuations + 1 }
}

function writeHeaders({ streamId, endStream }: OpenBlock, block: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEADER_BYTES)
  head.writeUIntBE(block.length, 0, 3)
  head.writeUInt8(HEADERS, 3)
  head.writeUInt8(END_HEADERS | (endStream ? END_STREAM : 0), 4)
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, block])
}
