import { hash } from 'node:crypto'
import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { MalformedRequest, type Received } from '@countersign/workload-api'
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js'
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

const nothing = () => {}

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
): handleServerStreamingCall<Received<Request>, MessageShape<Schema>> {
  return (call) => {
    new SnapshotStream(context, method, call).run().catch((error) => call.emit('error', toRpcError(error, context.log)))
  }
}

/** One open stream. Thousands are open for months and do nothing, so each keeps as little as it can. */
class SnapshotStream<Request, Schema extends DescMessage> implements Follower {
  readonly #context: ServiceContext
  readonly #method: StreamMethod<Request, Schema>
  readonly #call: ServerWritableStream<Received<Request>, MessageShape<Schema>>
  #isClosed = false
  /** Something changed since the last look, however often it did. */
  #isRaised = false
  #continue: (() => void) | undefined
  #onClose = nothing
  /** SHA-256 of what the caller has. */
  #sentHash = ''
  #sight: Sight | undefined

  constructor(
    context: ServiceContext,
    method: StreamMethod<Request, Schema>,
    call: ServerWritableStream<Received<Request>, MessageShape<Schema>>,
  ) {
    this.#context = context
    this.#method = method
    this.#call = call
  }

  async run(): Promise<void> {
    const call = this.#call
    requireSecurityHeader(call)
    const { request } = call
    if (request instanceof MalformedRequest) throw invalidArgument('request cannot be decoded')
    this.#method.validate?.(request)
    const leave = this.#context.callers.admit(call)
    const close = () => this.#close()
    for (const event of ['cancelled', 'close', 'finish']) call.once(event, close)
    const stop = this.#context.pushes.add(this)
    try {
      while (!this.#isClosed) await this.#wait(await this.#send(request))
    } finally {
      stop()
      leave()
    }
  }

  isConcerned(): boolean {
    return this.#sight?.isOutdated(this.#context) !== false
  }

  usesEntry(entryId: string): boolean {
    return this.#sight?.includes(entryId) !== false
  }

  wake(): void {
    this.#isRaised = true
    this.#goOn()
  }

  /** Sends what the caller does not have yet. @returns when to look again */
  async #send(request: Request): Promise<number> {
    this.#isRaised = false
    const caller = await this.#context.callers.resolve(this.#call)
    this.#sight = new Sight(caller, this.#context.trustDomain)
    const { message, freshUntil } = await this.#method.snapshot(request, caller)
    const bytes = toBinary(this.#method.schema, message)
    const sentHash = hash('sha256', bytes, 'base64')
    if (sentHash !== this.#sentHash) {
      await this.#write(message)
      this.#sentHash = sentHash
    }
    return freshUntil
  }

  /** Resolves when the message has gone out, which waits for a caller that does not read, or when the call is over. */
  #write(message: MessageShape<Schema>): Promise<void> | undefined {
    if (this.#isClosed) return undefined
    return new Promise((resolve) => {
      // A change does not end the wait for a caller that does not read: only the end of the call does.
      this.#onClose = resolve
      this.#call.write(message, () => resolve())
    })
  }

  /** Until something has changed, the time has come, or the call is over. */
  async #wait(until: number): Promise<void> {
    this.#onClose = nothing
    if (this.#isRaised || this.#isClosed) return
    const { clock } = this.#context
    const seconds = Math.max(MIN_PAUSE_SECONDS, until - clock.now())
    let cancel = nothing
    await new Promise<void>((resolve) => {
      this.#continue = resolve
      if (Number.isFinite(seconds)) cancel = clock.schedule(seconds * 1000, () => this.#goOn())
    })
    cancel()
  }

  #goOn(): void {
    this.#continue?.()
    this.#continue = undefined
  }

  #close(): void {
    this.#isClosed = true
    this.#onClose()
    this.#goOn()
  }
}
