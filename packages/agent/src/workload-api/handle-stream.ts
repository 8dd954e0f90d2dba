import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { MalformedRequest, type Received } from '@countersign/workload-api'
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js'
import { type Caller, requireSecurityHeader } from './caller.ts'
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
): handleServerStreamingCall<Received<Request>, MessageShape<Schema>> {
  return (call) => {
    serve(context, method, call).catch((error) => call.emit('error', toRpcError(error, context.log)))
  }
}

async function serve<Request, Schema extends DescMessage>(
  context: ServiceContext,
  method: StreamMethod<Request, Schema>,
  call: ServerWritableStream<Received<Request>, MessageShape<Schema>>,
): Promise<void> {
  requireSecurityHeader(call)
  const { request } = call
  if (request instanceof MalformedRequest) throw invalidArgument('request cannot be decoded')
  method.validate?.(request)

  const closed = new AbortController()
  for (const event of ['cancelled', 'close', 'finish']) call.once(event, () => closed.abort())
  const changes = new ChangeSignal()
  const stops = [context.state.subscribe(changes.raise), context.issuer.subscribe(changes.raise)]
  try {
    let sent: Uint8Array | undefined
    while (!closed.signal.aborted) {
      changes.lower()
      const { message, freshUntil } = await method.snapshot(request, await context.callers.resolve(call))
      if (closed.signal.aborted) return
      const bytes = toBinary(method.schema, message)
      if (sent === undefined || Buffer.compare(sent, bytes) !== 0) {
        await write(call, message, closed.signal)
        sent = bytes
      }
      await changes.wait(context, freshUntil, closed.signal)
    }
  } finally {
    for (const stop of stops) stop()
  }
}

/** Resolves when the message has gone out, which waits for a caller that does not read. */
export function write<Message>(
  call: ServerWritableStream<unknown, Message>,
  message: Message,
  closed: AbortSignal,
): Promise<void> {
  return untilClosed(closed, (done) => {
    call.write(message, () => done())
  })
}

/** Remembers that something changed, however often it did, until it is looked at. */
export class ChangeSignal {
  #raised = false
  #wake = () => {}

  readonly raise = (): void => {
    this.#raised = true
    this.#wake()
  }

  lower(): void {
    this.#raised = false
  }

  /** Until something has changed, the time has come, or the call is over. */
  async wait({ clock }: Pick<ServiceContext, 'clock'>, until: number, closed: AbortSignal): Promise<void> {
    if (this.#raised) return
    const seconds = Math.max(MIN_PAUSE_SECONDS, until - clock.now())
    let cancel = () => {}
    await untilClosed(closed, (done) => {
      this.#wake = done
      if (Number.isFinite(seconds)) cancel = clock.schedule(seconds * 1000, done)
    })
    cancel()
    this.#wake = () => {}
  }
}

/** Waits for `start` to call back, or for the end of the call. Leaves no listener behind: a call may last for months. */
function untilClosed(closed: AbortSignal, start: (done: () => void) => void): Promise<void> {
  if (closed.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      closed.removeEventListener('abort', done)
      resolve()
    }
    closed.addEventListener('abort', done, { once: true })
    start(done)
  })
}
