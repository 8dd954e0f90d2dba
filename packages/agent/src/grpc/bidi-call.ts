import type { ServerHttp2Stream } from 'node:http2'
import { type CallStart, ServerCall } from './server-call.ts'

/**
 * A call with requests and answers in any number and order. Emits `data` for each request, and `end` when the client will
 * send no more.
 */
export class BidiCall extends ServerCall {
  readonly #stream: ServerHttp2Stream
  #isPaused = false
  #hasClientEnded = false

  constructor(options: CallStart) {
    super(options)
    this.#stream = options.stream
  }

  /** Begins to read once the handler listens. */
  start(handle: (call: this) => void): void {
    this.attempt(() => handle(this))
    this.#stream.on('data', (chunk: Buffer) => {
      if (this.hasEnded) return
      this.reader.push(chunk)
      this.#emitRequests()
    })
    this.#stream.once('end', () => {
      this.#hasClientEnded = true
      this.#emitRequests()
    })
  }

  /** Nothing more is taken from the client, which is told so by HTTP/2's flow control. */
  pause(): void {
    this.#isPaused = true
    this.#stream.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#emitRequests()
    if (!this.#isPaused) this.#stream.resume()
  }

  #emitRequests(): void {
    this.attempt(() => {
      while (!this.#isPaused && !this.hasEnded) {
        const next = this.nextRequest()
        if (next === undefined) break
        this.emit('data', next.request)
      }
      if (!this.#hasClientEnded || this.#isPaused || this.hasEnded) return
      this.#hasClientEnded = false
      this.rejectHalfMessage()
      this.emit('end')
    })
  }
}
