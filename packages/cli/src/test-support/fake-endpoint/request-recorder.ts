import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { encodeHeaderBlock, type HeaderField } from '../../conformance/workload-api/transport/header-block.ts'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const FRAME_HEAD = 9
const HEADERS = 1
const CONTINUATION = 9
const END_STREAM = 0x1
const END_HEADERS = 0x4

/**
 * Stands before Node's HTTP/2 server, which refuses what a real gRPC server takes: keeps the header fields of requests whose
 * blocks are all literals, as the suite sends them, and hands the server a plain request in their place.
 */
export class RequestRecorder extends Duplex {
  readonly #socket: Socket
  readonly #fields = new Map<number, readonly HeaderField[]>()
  #pending: Buffer = Buffer.alloc(0)
  #isPrefaceRead = false
  #block: { readonly streamId: number; readonly endStream: number; readonly parts: Buffer[] } | undefined

  /** @param onOther receives the first octets of whatever is not HTTP/2 */
  constructor(socket: Socket, onOther: (first: Buffer) => void) {
    super()
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#pending = Buffer.concat([this.#pending, chunk])
      if (!this.#isPrefaceRead && !this.#readPreface(onOther)) return
      this.#readFrames()
    })
    socket.on('end', () => this.push(null))
    socket.on('error', () => this.destroy())
    socket.on('close', () => this.destroy())
  }

  /** The fields of a request as they were sent; `undefined` when they were compressed. */
  fieldsOf(streamId: number): readonly HeaderField[] | undefined {
    return this.#fields.get(streamId)
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#socket.destroyed) done()
    else this.#socket.write(chunk, () => done())
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }

  #readPreface(onOther: (first: Buffer) => void): boolean {
    const length = Math.min(this.#pending.length, PREFACE.length)
    if (this.#pending.subarray(0, length).toString('latin1') !== PREFACE.slice(0, length)) {
      onOther(this.#pending)
      return false
    }
    if (length < PREFACE.length) return false
    this.#isPrefaceRead = true
    this.push(this.#pending.subarray(0, PREFACE.length))
    this.#pending = this.#pending.subarray(PREFACE.length)
    return true
  }

  #readFrames(): void {
    while (this.#pending.length >= FRAME_HEAD) {
      const end = FRAME_HEAD + this.#pending.readUIntBE(0, 3)
      if (this.#pending.length < end) return
      this.#readFrame(this.#pending.subarray(0, end))
      this.#pending = this.#pending.subarray(end)
    }
  }

  #readFrame(frame: Buffer): void {
    const [type, flags, streamId] = [frame.readUInt8(3), frame.readUInt8(4), frame.readUInt32BE(5)]
    const isLiteral = type === HEADERS && frame.readUInt8(FRAME_HEAD) === 0
    if (isLiteral) this.#block = { streamId, endStream: flags & END_STREAM, parts: [] }
    const block = this.#block
    if (block === undefined || (type !== CONTINUATION && !isLiteral)) {
      this.push(frame)
      return
    }
    block.parts.push(frame.subarray(FRAME_HEAD))
    if ((flags & END_HEADERS) === 0) return
    this.#block = undefined
    const fields = decodeLiterals(Buffer.concat(block.parts))
    this.#fields.set(block.streamId, fields)
    this.push(plainRequest(block.streamId, block.endStream, fields))
  }
}

function plainRequest(streamId: number, endStream: number, fields: readonly HeaderField[]): Buffer {
  const path = fields.find(([name]) => name === ':path')?.[1] ?? '/'
  const payload = encodeHeaderBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
  ])
  const head = Buffer.alloc(FRAME_HEAD)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(HEADERS, 3)
  head.writeUInt8(END_HEADERS | endStream, 4)
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

function decodeLiterals(block: Buffer): readonly HeaderField[] {
  const fields: HeaderField[] = []
  let at = 0
  const text = (): string => {
    let length = block.readUInt8(at++)
    for (let shift = 0, octet = 0x80; length >= 0x7f && octet >= 0x80; shift += 7) {
      octet = block.readUInt8(at++)
      length += (octet & 0x7f) * 2 ** shift
      if (octet < 0x80) break
    }
    at += length
    return block.subarray(at - length, at).toString('latin1')
  }
  while (at < block.length) {
    at += 1
    fields.push([text(), text()])
  }
  return fields
}
