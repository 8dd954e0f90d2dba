import { GrpcStatus } from '@countersign/workload-api/server'
import { CallFailure } from './call-failure.ts'
import { type CallStart, ServerCall } from './server-call.ts'

/** Clients send the request with the call. Until it is there nobody has counted the call: so many could be begun and left. */
const REQUEST_PATIENCE_MS = 30_000

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
    const { stream, clock } = options
    const stopWaiting = clock.schedule(REQUEST_PATIENCE_MS, () =>
      this.fail(new CallFailure(GrpcStatus.DEADLINE_EXCEEDED, 'request did not come in time')),
    )
    stream.once('close', stopWaiting)
    stream.on('data', (chunk: Buffer) => this.attempt(() => this.#receive(chunk)))
    stream.once('end', () => {
      stopWaiting()
      this.attempt(() => {
        if (this.hasEnded) return
        this.rejectHalfMessage()
        if (!this.#hasRequest) throw new CallFailure(GrpcStatus.UNIMPLEMENTED, 'method takes a request message')
        start(this)
      })
    })
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
