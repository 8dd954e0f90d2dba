import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { Http2InputError } from './http2-input-error.ts'
import { RequestStamper } from './request-stamper.ts'

/**
 * A frame that every HTTP/2 server answers with GOAWAY and COMPRESSION_ERROR: headers whose block begins with an index that
 * does not exist. RFC 9113 section 4.3: what a server must answer when it does not decompress a block.
 */
const POISON = Buffer.from([0, 0, 1, 0x1, 0x4, 0, 0, 0, 1, 0x80])

/** A connection as HTTP/2 is to see it: each request carries its stamp as `:authority`. */
export class StampedConnection extends Duplex {
  readonly #socket: Socket
  readonly #stamper: RequestStamper
  readonly #onRefused: (error: Http2InputError) => void
  /** What is left to pass on of what was read. */
  #pieces: Generator<Buffer, void, void> | undefined

  /**
   * @param socket paused since it was accepted
   * @param onRefused hears of it when the client sent what ends the connection
   */
  constructor(socket: Socket, stamp: string, onRefused: (error: Http2InputError) => void) {
    super()
    this.#socket = socket
    this.#stamper = new RequestStamper(stamp)
    this.#onRefused = onRefused
    socket.on('data', (chunk: Buffer) => {
      this.#pieces = this.#stamper.push(chunk)
      this.#passOn()
    })
    socket.once('end', () => this.push(null))
    socket.once('close', () => this.destroy())
  }

  override _read(): void {
    this.#passOn()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.cork()
    for (const [index, { chunk }] of chunks.entries()) {
      this.#socket.write(chunk, index === chunks.length - 1 ? done : undefined)
    }
    this.#socket.uncork()
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#pieces = undefined
    this.#socket.destroy()
    done(error)
  }

  /** Stops reading from the client while HTTP/2 does not read from here. */
  #passOn(): void {
    try {
      for (;;) {
        const next = this.#pieces?.next()
        if (next === undefined || next.done) break
        if (!this.push(next.value)) {
          this.#socket.pause()
          return
        }
      }
    } catch (error) {
      if (!(error instanceof Http2InputError)) throw error
      this.#refuse(error)
      return
    }
    this.#pieces = undefined
    if (!this.readableEnded) this.#socket.resume()
  }

  #refuse(error: Http2InputError): void {
    this.#pieces = undefined
    this.#socket.removeAllListeners('data')
    this.push(POISON)
    this.#onRefused(error)
  }
}
