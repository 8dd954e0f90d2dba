import { GrpcStatus } from '@countersign/workload-api/server'
import { CallFailure } from './call-failure.ts'
import { type CallStart, ServerCall } from './server-call.ts'

/** A call with one request, and one answer or many. */
export class SingleRequestCall extends ServerCall {
  request: unknown
  #hasRequest = false

  /**
   * @param start called when the client has sent a request, and said that there are no more
   * @see gRPC status codes: UNIMPLEMENTED for the wrong number of requests
   */
  constructor(options: CallStart, start: (call: SingleRequestCall) => void) {
    super(options)
    const { stream } = options
    stream.on('data', (chunk: Buffer) => this.attempt(() => this.#receive(chunk)))
    stream.once('end', () =>
      this.attempt(() => {
        if (this.hasEnded) return
        this.rejectHalfMessage()
        if (!this.#hasRequest) throw new CallFailure(GrpcStatus.UNIMPLEMENTED, 'method takes a request message')
        start(this)
      }),
    )
  }

  #receive(chunk: Buffer): void {
    if (this.hasEnded) return
    this.reader.push(chunk)
    for (let next = this.nextRequest(); next !== undefined; next = this.nextRequest()) {
      if (this.#hasRequest) throw new CallFailure(GrpcStatus.UNIMPLEMENTED, 'method takes one request message')
      this.#hasRequest = true
      this.request = next.request
    }
  }
}
