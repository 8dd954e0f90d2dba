import { hash } from 'node:crypto'
import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf'
import {
  type HandleServerStreaming,
  MalformedRequest,
  type Received,
  type ServerStreamingCall,
} from '@countersign/workload-api/server'
import { type Caller, requireSecurityHeader, Sight } from './caller.ts'
import type { Follower } from './push-schedule.ts'
import { invalidArgument, toRpcError } from './rpc-error.ts'
import type { ServiceContext } from './service-context.ts'

/** The whole state for one caller, and when it will be out of date by itself. */
export interface Snapshot<Message> {
  readonly message: Message
  /** Epoch seconds; infinite when only a change from outside can make it so. */
  readonly freshUntil: number
}

export interface StreamMethod<Request, Schema extends DescMessage> {
  readonly schema: Schema
  readonly validate?: (request: Request) => void
  readonly snapshot: (request: Request, caller: Caller) => Promise<Snapshot<MessageShape<Schema>>>
}

/** A snapshot that is out of date at once would otherwise be taken again without a pause. */
const MIN_PAUSE_SECONDS = 1

/**
 * Serves a stream of snapshots: the first at once, then one after each change of what the caller would see.
 *
 * Nothing is queued. A caller that reads slowly gets the state of the moment it reads; one that never reads costs one
 * message. Who the caller is, is asked again for each snapshot.
 *
 * @see SPIFFE Workload API section 4.3
 */
export function handleStream<Request, Schema extends DescMessage>(
  context: ServiceContext,
  method: StreamMethod<Request, Schema>,
): HandleServerStreaming<Received<Request>, MessageShape<Schema>> {
  return (call) => {
    new SnapshotStream(context, method, call).start()
  }
}

/**
 * One open stream. Thousands are open for months and do nothing, so each keeps as little as it can, and nothing that waits:
 * no timer, no promise.
 */
class SnapshotStream<Request, Schema extends DescMessage> implements Follower {
  alarmAt: number | undefined
  readonly #context: ServiceContext
  readonly #method: StreamMethod<Request, Schema>
  readonly #call: ServerStreamingCall<Received<Request>, MessageShape<Schema>>
  #isClosed = false
  /** Something changed since the last look, however often it did. */
  #isRaised = false
  #isLooking = false
  /** SHA-256 of what the caller has. */
  #sentHash = ''
  #sight: Sight | undefined
  /** Takes the stream off all lists. */
  #leave: (() => void) | undefined
  /** Ends the wait for a caller that does not read. */
  #giveUpWriting: (() => void) | undefined

  constructor(
    context: ServiceContext,
    method: StreamMethod<Request, Schema>,
    call: ServerStreamingCall<Received<Request>, MessageShape<Schema>>,
  ) {
    this.#context = context
    this.#method = method
    this.#call = call
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
    this.wake()
  }

  isConcerned(): boolean {
    return this.#sight?.isOutdated(this.#context) !== false
  }

  usesEntries(entryIds: ReadonlySet<string>): boolean {
    return this.#sight?.includesAny(entryIds) !== false
  }

  wake(): void {
    this.#isRaised = true
    if (!this.#isLooking && !this.#isClosed) this.#look().catch((error) => this.#fail(error))
  }

  /** Checks that need no attestation, and a place on the lists. */
  #enter(): void {
    requireSecurityHeader(this.#call)
    const { request } = this.#call
    if (request instanceof MalformedRequest) throw invalidArgument('request cannot be decoded')
    this.#method.validate?.(request)
    const release = this.#context.callers.admit(this.#call)
    const stop = this.#context.pushes.add(this)
    this.#leave = () => {
      stop()
      release()
    }
  }

  /** Until there is nothing new. */
  async #look(): Promise<void> {
    this.#isLooking = true
    try {
      let freshUntil = Number.POSITIVE_INFINITY
      while (this.#isRaised && !this.#isClosed) {
        this.#isRaised = false
        freshUntil = await this.#send()
      }
      const { clock, pushes } = this.#context
      pushes.wakeAt(this, Math.max(clock.now() + MIN_PAUSE_SECONDS, freshUntil))
    } finally {
      this.#isLooking = false
    }
  }

  /** Sends what the caller does not have yet. @returns when to look again */
  async #send(): Promise<number> {
    const caller = await this.#context.callers.resolve(this.#call)
    this.#sight = new Sight(caller, this.#context.trustDomain)
    const { message, freshUntil } = await this.#method.snapshot(this.#call.request as Request, caller)
    const sentHash = hash('sha256', toBinary(this.#method.schema, message), 'base64')
    if (sentHash !== this.#sentHash) {
      await this.#write(message)
      this.#sentHash = sentHash
    }
    return freshUntil
  }

  /** Resolves when the message has gone out, which waits for a caller that does not read, or when the call is over. */
  async #write(message: MessageShape<Schema>): Promise<void> {
    if (this.#isClosed) return
    await new Promise<void>((resolve) => {
      this.#giveUpWriting = resolve
      this.#call.write(message, () => resolve())
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
}
