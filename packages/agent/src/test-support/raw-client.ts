import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { encodeLiterals } from '../socket/hpack/encode-literals.ts'
import { FLAG, FRAME, type Frame, frame, PREFACE, readFrames } from './http2-frames.ts'

/** What a gRPC client sends with each request of the Workload API. */
export const REQUEST_HEADERS = {
  ':method': 'POST',
  ':scheme': 'http',
  ':authority': 'localhost',
  'content-type': 'application/grpc',
  te: 'trailers',
  'workload.spiffe.io': 'true',
}

export const FETCH_X509_SVID = '/SpiffeWorkloadAPI/FetchX509SVID'

/** A client that sends what it is told to, and heeds nothing that it is sent. */
export class RawClient {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  #nextStream = 1
  isClosed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
    })
  }

  /** Connects, and sends the preface unless told not to. */
  static async connect(path: string, { preface = true } = {}): Promise<RawClient> {
    const socket = createConnection(path)
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    const client = new RawClient(socket)
    if (preface) socket.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0)]))
    return client
  }

  /** Starts to read. */
  read(): this {
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
    })
    return this
  }

  /** @returns how many octets went out until the other side closed, `limit` at most */
  async sendUntilRefused(next: () => Buffer, limit: number): Promise<number> {
    let sent = 0
    while (!this.isClosed && sent < limit) {
      const bytes = next()
      sent += bytes.length
      if (this.socket.write(bytes)) continue
      await new Promise<void>((resolve) => {
        this.socket.once('drain', resolve)
        this.socket.once('close', resolve)
      })
      this.socket.removeAllListeners('drain')
    }
    return sent
  }

  get frames(): Frame[] {
    return readFrames(this.#received)
  }

  framesOf(type: number): Frame[] {
    return this.frames.filter((each) => each.type === type)
  }

  /** Opens a stream with one empty message. @returns the octets, not sent yet */
  request(headers: Readonly<Record<string, string>> = {}): Buffer {
    const streamId = this.#nextStream
    this.#nextStream += 2
    const fields = Object.entries({ ...REQUEST_HEADERS, ':path': FETCH_X509_SVID, ...headers })
    const pseudoFirst = fields.toSorted(([a], [b]) => Number(b.startsWith(':')) - Number(a.startsWith(':')))
    const block = encodeLiterals(pseudoFirst.map(([name, value]) => ({ name, value })))
    return Buffer.concat([
      frame(FRAME.headers, FLAG.endHeaders, streamId, block),
      frame(FRAME.data, FLAG.endStream, streamId, Buffer.alloc(5)),
    ])
  }
}
