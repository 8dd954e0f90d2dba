import { Duplex } from 'node:stream'
import { encodeHeaderBlock, type HeaderField } from './header-block.ts'

const PREFACE_LENGTH = 24
const FRAME_HEAD = 9
/** What every HTTP/2 peer takes without having said so. RFC 9113 section 4.2. */
const MAX_FRAME = 16_384

const HEADERS = 1
const CONTINUATION = 9
const END_STREAM = 0x1
const END_HEADERS = 0x4

/**
 * Stands between an HTTP/2 client and its connection, and puts other header blocks in the place of those the client made.
 * What the client sends is known to be well-formed; what it receives passes untouched.
 *
 * An HTTP/2 library sends only requests it thinks right. A conformance suite has to send the others too: no `:authority`, a
 * path in its place, a field twice, a megabyte of fields.
 */
export class HeaderRewriter extends Duplex {
  readonly #connection: Duplex
  readonly #fieldsOf: (streamId: number) => readonly HeaderField[]
  #pending: Buffer = Buffer.alloc(0)
  #prefaceLeft = PREFACE_LENGTH

  /** @param fieldsOf the header fields of a stream's request */
  constructor(connection: Duplex, fieldsOf: (streamId: number) => readonly HeaderField[]) {
    super()
    this.#connection = connection
    this.#fieldsOf = fieldsOf
    connection.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) connection.pause()
    })
    connection.on('end', () => this.push(null))
    connection.on('error', (error) => this.destroy(error))
    connection.on('close', () => this.destroy())
  }

  override _read(): void {
    this.#connection.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#connection.destroyed) {
      done()
      return
    }
    this.#connection.write(this.#rewrite(chunk), () => done())
  }

  override _final(done: () => void): void {
    this.#connection.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#connection.destroy()
    done(error)
  }

  #rewrite(chunk: Buffer): Buffer {
    const preface = chunk.subarray(0, this.#prefaceLeft)
    this.#prefaceLeft -= preface.length
    this.#pending = Buffer.concat([this.#pending, chunk.subarray(preface.length)])
    const out = [preface]
    while (this.#pending.length >= FRAME_HEAD) {
      const end = FRAME_HEAD + this.#pending.readUIntBE(0, 3)
      if (this.#pending.length < end) break
      out.push(this.#replace(this.#pending.subarray(0, end)))
      this.#pending = this.#pending.subarray(end)
    }
    return Buffer.concat(out)
  }

  #replace(frame: Buffer): Buffer {
    const type = frame.readUInt8(3)
    if (type === CONTINUATION) return Buffer.alloc(0)
    if (type !== HEADERS) return frame
    const streamId = frame.readUInt32BE(5)
    return encodeHeaders(streamId, frame.readUInt8(4) & END_STREAM, encodeHeaderBlock(this.#fieldsOf(streamId)))
  }
}

/** A HEADERS frame and as many CONTINUATION frames as the block needs. */
function encodeHeaders(streamId: number, endStream: number, block: Buffer): Buffer {
  const frames: Buffer[] = []
  for (let at = 0; at === 0 || at < block.length; at += MAX_FRAME) {
    const payload = block.subarray(at, at + MAX_FRAME)
    const flags = (at === 0 ? endStream : 0) | (at + MAX_FRAME >= block.length ? END_HEADERS : 0)
    const head = Buffer.alloc(FRAME_HEAD)
    head.writeUIntBE(payload.length, 0, 3)
    head.writeUInt8(at === 0 ? HEADERS : CONTINUATION, 3)
    head.writeUInt8(flags, 4)
    head.writeUInt32BE(streamId, 5)
    frames.push(head, payload)
  }
  return Buffer.concat(frames)
}
