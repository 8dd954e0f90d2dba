import type { PeerProcess } from '@countersign/plugin-kit'
import { MalformedRequest, type Received } from '@countersign/workload-api'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import type { LogLimit } from '../log-limit.ts'
import { invalidArgument, toRpcError } from '../workload-api/rpc-error.ts'
import type { ServiceContext } from '../workload-api/service-context.ts'
import type { DiscoverySession, OnRejection } from './discovery-session.ts'
import { RequestRate } from './request-rate.ts'
import type { SecretSource } from './secret-source.ts'

/** What the streams of one agent share. */
export interface DiscoveryContext extends ServiceContext {
  readonly secrets: SecretSource
  /** Without the SPIFFE certificate validator, where a client's node metadata does not say. */
  readonly isPlain: boolean
  readonly rejections: LogLimit
}

/** A reading that is out of date at once would otherwise be taken again without a pause. */
const MIN_PAUSE_SECONDS = 1

/**
 * Serves one stream of the Secret Discovery Service: answers what it asks, and then tells it what changes.
 *
 * The caller is attested as for the Workload API, again for each reading, but shows no security header: Envoy sends
 * none by itself, and no web client can send what this service reads. Nothing is queued: a client that reads slowly gets
 * the state of the moment it reads.
 *
 * The stream ends with PERMISSION_DENIED when the program has no identity and UNAVAILABLE when it cannot be known now.
 * Clients open another after a while and keep what they have.
 */
export function serveDiscovery<Request, Response>(
  context: DiscoveryContext,
  call: ServerDuplexStream<Received<Request>, Response>,
  start: (onRejection: OnRejection) => DiscoverySession<Request, Response>,
): void {
  const stream = new DiscoveryStream(context, call, start)
  stream.run().catch((error: unknown) => stream.fail(error))
}

class DiscoveryStream<Request, Response> {
  readonly #context: DiscoveryContext
  readonly #call: ServerDuplexStream<Received<Request>, Response>
  readonly #session: DiscoverySession<Request, Response>
  readonly #rate: RequestRate
  readonly #closed = new AbortController()
  #peer: PeerProcess | undefined
  #raised = false
  #wake = () => {}

  constructor(
    context: DiscoveryContext,
    call: ServerDuplexStream<Received<Request>, Response>,
    start: (onRejection: OnRejection) => DiscoverySession<Request, Response>,
  ) {
    this.#context = context
    this.#call = call
    this.#session = start((reason) => this.#logRejection(reason))
    this.#rate = new RequestRate(context.clock)
    for (const event of ['cancelled', 'close', 'finish']) call.once(event, () => this.#closed.abort())
    call.on('data', (request: Received<Request>) => this.#receive(request))
    // A client that will say no more has nothing more to be told.
    call.once('end', () => {
      this.#closed.abort()
      call.end()
    })
  }

  async run(): Promise<void> {
    const { state, issuer, callers, secrets, isPlain } = this.#context
    const { subscription } = this.#session
    const stops = [state.subscribe(this.#raise), issuer.subscribe(this.#raise)]
    try {
      let freshUntil = Number.POSITIVE_INFINITY
      while (!this.#closed.signal.aborted) {
        await this.#wait(freshUntil)
        this.#raised = false
        freshUntil = Number.POSITIVE_INFINITY
        if (this.#closed.signal.aborted) return
        if (subscription.isEmpty) continue
        const { wanted } = subscription
        const caller = await callers.resolve(this.#call)
        this.#peer = caller.peer
        const reading = await secrets.read(caller, wanted, this.#session.isPlain ?? isPlain)
        if (this.#closed.signal.aborted) return
        freshUntil = reading.freshUntil
        // Read for what was wanted before: a name that has been added since would seem not to exist.
        if (subscription.wanted !== wanted) continue
        const response = this.#session.answer(reading.resources)
        if (response !== undefined) await this.#write(response)
      }
    } finally {
      for (const stop of stops) stop()
    }
  }

  fail(error: unknown): void {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    this.#call.emit('error', toRpcError(error, this.#context.log))
  }

  #receive(request: Received<Request>): void {
    if (this.#closed.signal.aborted) return
    try {
      this.#rate.count()
      if (request instanceof MalformedRequest) throw invalidArgument('request cannot be decoded')
      if (this.#session.receive(request)) this.#raise()
    } catch (error) {
      this.fail(error)
    }
  }

  readonly #raise = (): void => {
    this.#raised = true
    this.#wake()
  }

  /** Until something has changed, the time has come, or the call is over. */
  async #wait(until: number): Promise<void> {
    if (this.#raised) return
    const { clock } = this.#context
    const seconds = Math.max(MIN_PAUSE_SECONDS, until - clock.now())
    let cancel = () => {}
    await this.#untilClosed((done) => {
      this.#wake = done
      if (Number.isFinite(seconds)) cancel = clock.schedule(seconds * 1000, done)
    })
    cancel()
    this.#wake = () => {}
  }

  /** Resolves when the message has gone out, which waits for a client that does not read. */
  #write(response: Response): Promise<void> {
    return this.#untilClosed((done) => {
      this.#call.write(response, () => done())
    })
  }

  /** Waits for `start` to call back, or for the end of the call. Leaves no listener behind. */
  #untilClosed(start: (done: () => void) => void): Promise<void> {
    const { signal } = this.#closed
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done, { once: true })
      start(done)
    })
  }

  #logRejection(reason: string): void {
    const { pid, uid } = this.#peer ?? {}
    const admitted = this.#context.rejections.admit(String(uid))
    if (admitted === undefined) return
    this.#context.log.warn({ pid, uid, reason, ...admitted }, 'SDS client rejected what it was sent')
  }
}
