import type { PeerProcess } from '@countersign/plugin-kit'
import { type BidiStreamingCall, MalformedRequest, type Received } from '@countersign/workload-api/server'
import type { LogLimit } from '../log-limit.ts'
import { Sight } from '../workload-api/caller.ts'
import type { Follower } from '../workload-api/push-schedule.ts'
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
  call: BidiStreamingCall<Received<Request>, Response>,
  start: (onRejection: OnRejection) => DiscoverySession<Request, Response>,
): void {
  new DiscoveryStream(context, call, start).start()
}

/** One open stream. Keeps nothing that waits while there is nothing to tell: no timer, no promise. */
class DiscoveryStream<Request, Response> implements Follower {
  alarmAt: number | undefined
  readonly #context: DiscoveryContext
  readonly #call: BidiStreamingCall<Received<Request>, Response>
  readonly #session: DiscoverySession<Request, Response>
  readonly #rate: RequestRate
  #isClosed = false
  /** Something changed since the last look, however often it did. */
  #isRaised = false
  #isLooking = false
  #peer: PeerProcess | undefined
  #sight: Sight | undefined
  /** Takes the stream off all lists. */
  #leave: (() => void) | undefined
  /** Ends the wait for a client that does not read. */
  #giveUpWriting: (() => void) | undefined

  constructor(
    context: DiscoveryContext,
    call: BidiStreamingCall<Received<Request>, Response>,
    start: (onRejection: OnRejection) => DiscoverySession<Request, Response>,
  ) {
    this.#context = context
    this.#call = call
    this.#session = start((reason) => this.#logRejection(reason))
    this.#rate = new RequestRate(context.clock)
  }

  start(): void {
    try {
      this.#enter()
    } catch (error) {
      this.#fail(error)
      return
    }
    const close = () => this.#close()
    for (const event of ['cancelled', 'close', 'finish']) this.#call.once(event, close)
    this.#call.on('data', (request: Received<Request>) => this.#receive(request))
    // A client that will say no more has nothing more to be told.
    this.#call.once('end', () => {
      this.#close()
      this.#call.end()
    })
  }

  isConcerned(): boolean {
    return this.#sight?.isOutdated(this.#context) !== false
  }

  usesEntries(entryIds: ReadonlySet<string>): boolean {
    return this.#sight?.includesAny(entryIds) !== false
  }

  wake(): void {
    this.#isRaised = true
    if (!this.#isLooking && !this.#isClosed) this.#look().catch((error: unknown) => this.#fail(error))
  }

  #enter(): void {
    const release = this.#context.callers.admit(this.#call)
    const stop = this.#context.pushes.add(this)
    this.#leave = () => {
      stop()
      release()
    }
  }

  #receive(request: Received<Request>): void {
    if (this.#isClosed) return
    try {
      this.#rate.count()
      if (request instanceof MalformedRequest) throw invalidArgument('request cannot be decoded')
      if (this.#session.receive(request)) this.wake()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Until there is nothing new. */
  async #look(): Promise<void> {
    this.#isLooking = true
    try {
      let freshUntil = Number.POSITIVE_INFINITY
      while (this.#isRaised && !this.#isClosed) {
        this.#isRaised = false
        freshUntil = await this.#answer()
      }
      const { clock, pushes } = this.#context
      pushes.wakeAt(this, Math.max(clock.now() + MIN_PAUSE_SECONDS, freshUntil))
    } finally {
      this.#isLooking = false
    }
  }

  /** Sends what the client has not been told yet. @returns when to look again */
  async #answer(): Promise<number> {
    const { callers, secrets, isPlain, trustDomain } = this.#context
    const { subscription } = this.#session
    if (subscription.isEmpty) return Number.POSITIVE_INFINITY
    const { wanted } = subscription
    const caller = await callers.resolve(this.#call)
    this.#peer = caller.peer
    this.#sight = new Sight(caller, trustDomain)
    const { resources, freshUntil } = await secrets.read(caller, wanted, this.#session.isPlain ?? isPlain)
    // Read for what was wanted before: a name that has been added since would seem not to exist.
    if (this.#isClosed || subscription.wanted !== wanted) return freshUntil
    const response = this.#session.answer(resources)
    if (response !== undefined) await this.#write(response)
    return freshUntil
  }

  /** Resolves when the message has gone out, which waits for a client that does not read, or when the call is over. */
  async #write(response: Response): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#giveUpWriting = resolve
      this.#call.write(response, () => resolve())
    })
    this.#giveUpWriting = undefined
  }

  #fail(error: unknown): void {
    const wasClosed = this.#isClosed
    this.#close()
    if (!wasClosed) this.#call.emit('error', toRpcError(error, this.#context.log))
  }

  #close(): void {
    this.#isClosed = true
    this.#leave?.()
    this.#leave = undefined
    this.#giveUpWriting?.()
  }

  #logRejection(reason: string): void {
    const { pid, uid } = this.#peer ?? {}
    const admitted = this.#context.rejections.admit(String(uid))
    if (admitted === undefined) return
    this.#context.log.warn({ pid, uid, reason, ...admitted }, 'SDS client rejected what it was sent')
  }
}
