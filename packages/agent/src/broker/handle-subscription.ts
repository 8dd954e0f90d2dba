import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf'
import type { Received } from '@countersign/workload-api'
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js'
import type { Caller } from '../workload-api/caller.ts'
import { ChangeSignal, type Snapshot, write } from '../workload-api/handle-stream.ts'
import { BrokerCall, type BrokerRequest } from './broker-call.ts'
import type { BrokerContext } from './broker-context.ts'

export interface Subscription<Schema extends DescMessage> {
  readonly schema: Schema
  /** The whole state of a workload. */
  readonly snapshot: (caller: Caller) => Promise<Snapshot<MessageShape<Schema>>>
}

/**
 * How often a workload is looked at when nothing seems to change. It does not call by itself, so that nothing else tells
 * when its process turns into another program.
 */
const RECHECK_SECONDS = 60

/**
 * Serves a stream of snapshots of one workload: the first at once, then one after each change. Ends when the process ends,
 * the workload loses its last identity that the broker may have, or the broker is no longer one.
 *
 * Nothing is queued: a broker that reads slowly gets the state of the moment it reads.
 *
 * @see SPIFFE Broker API sections 4.4 and 4.9
 */
export function handleSubscription<Request extends BrokerRequest, Schema extends DescMessage>(
  context: BrokerContext,
  { schema, snapshot }: Subscription<Schema>,
): handleServerStreamingCall<Received<Request>, MessageShape<Schema>> {
  return (stream) => {
    const call = new BrokerCall<Request>(context, stream.getPath(), stream.getHost())
    const closed = closedSignal(stream)
    serve(context, call, { stream, closed, schema, snapshot })
      .catch((error) => {
        // Nobody is there to be told, and nothing was decided.
        if (!closed.aborted) stream.emit('error', call.refuse(error))
      })
      .finally(() => call.release())
  }
}

interface Serving<Request, Schema extends DescMessage> extends Subscription<Schema> {
  readonly stream: ServerWritableStream<Received<Request>, MessageShape<Schema>>
  readonly closed: AbortSignal
}

async function serve<Request extends BrokerRequest, Schema extends DescMessage>(
  context: BrokerContext,
  call: BrokerCall<Request>,
  { stream, closed, schema, snapshot }: Serving<Request, Schema>,
): Promise<void> {
  const { state, issuer, clock } = context
  const changes = new ChangeSignal()
  call.begin(stream.request, () => {}, changes.raise)
  const stops = [state.subscribe(changes.raise), issuer.subscribe(changes.raise)]
  try {
    let sent: Uint8Array | undefined
    while (!closed.aborted) {
      changes.lower()
      const caller = await call.resolve()
      const { message, freshUntil } = await snapshot(caller)
      if (closed.aborted) return
      call.giving(caller)
      const bytes = toBinary(schema, message)
      if (sent === undefined || Buffer.compare(sent, bytes) !== 0) {
        await write(stream, message, closed)
        sent = bytes
      }
      await changes.wait(context, Math.min(freshUntil, clock.now() + RECHECK_SECONDS), closed)
    }
  } finally {
    for (const stop of stops) stop()
  }
}

function closedSignal(stream: ServerWritableStream<unknown, unknown>): AbortSignal {
  const closed = new AbortController()
  for (const event of ['cancelled', 'close', 'finish']) stream.once(event, () => closed.abort())
  return closed.signal
}
