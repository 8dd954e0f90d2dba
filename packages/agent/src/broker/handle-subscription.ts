import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import type { HandleServerStreaming, Received, ServerStreamingCall } from '@countersign/workload-api/server'
import { type Caller, Sight } from '../workload-api/caller.ts'
import type { RpcError } from '../workload-api/rpc-error.ts'
import { type Snapshot, SnapshotStream, type Subject } from '../workload-api/snapshot-stream.ts'
import { BrokerCall, type BrokerRequest } from './broker-call.ts'
import type { BrokerContext } from './broker-context.ts'
import { workloadNotFound } from './workload-rpc-error.ts'

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
 * Serves a stream of snapshots of one workload. Ends when the process ends, the workload loses its last identity that the
 * broker may have, or the broker is no longer one.
 *
 * @see SPIFFE Broker API sections 4.4 and 4.9
 */
export function handleSubscription<Request extends BrokerRequest, Schema extends DescMessage>(
  context: BrokerContext,
  subscription: Subscription<Schema>,
): HandleServerStreaming<Received<Request>, MessageShape<Schema>> {
  return (call) => {
    new SubscriptionStream(context, subscription, call).start()
  }
}

class SubscriptionStream<Request extends BrokerRequest, Schema extends DescMessage> extends SnapshotStream<
  Request,
  Schema
> {
  readonly #context: BrokerContext
  readonly #subscription: Subscription<Schema>
  readonly #brokerCall: BrokerCall<Request>

  constructor(
    context: BrokerContext,
    subscription: Subscription<Schema>,
    call: ServerStreamingCall<Received<Request>, MessageShape<Schema>>,
  ) {
    super(context, subscription.schema, call)
    this.#context = context
    this.#subscription = subscription
    this.#brokerCall = new BrokerCall<Request>(context, call.getPath(), call.getHost())
  }

  protected override enter(): () => void {
    // Not with the next look, which waits for a broker that does not read.
    const onEnd = () => this.fail(workloadNotFound())
    try {
      this.#brokerCall.begin(this.call.request, () => {}, onEnd)
    } catch (error) {
      this.#brokerCall.release()
      throw error
    }
    return () => this.#brokerCall.release()
  }

  protected override async resolve(): Promise<Subject> {
    const { caller, program } = await this.#brokerCall.resolve()
    return { caller, sight: new Sight(program, this.#context.trustDomain) }
  }

  protected override async snapshot(caller: Caller): Promise<Snapshot<MessageShape<Schema>>> {
    const { message, freshUntil } = await this.#subscription.snapshot(caller)
    return { message, freshUntil: Math.min(freshUntil, this.#context.clock.now() + RECHECK_SECONDS) }
  }

  protected override giving(caller: Caller): void {
    this.#brokerCall.giving(caller)
  }

  protected override refuse(cause: unknown): RpcError {
    return this.#brokerCall.refuse(cause)
  }
}
