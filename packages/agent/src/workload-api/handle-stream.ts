import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import {
  type HandleServerStreaming,
  MalformedRequest,
  type Received,
  type ServerStreamingCall,
} from '@countersign/workload-api/server'
import { denialReason } from '../telemetry/denial-reason.ts'
import { type Caller, requireSecurityHeader, Sight } from './caller.ts'
import { invalidArgument, type RpcError, toRpcError } from './rpc-error.ts'
import type { ServiceContext } from './service-context.ts'
import { type Snapshot, SnapshotStream, type Subject } from './snapshot-stream.ts'

export interface StreamMethod<Request, Schema extends DescMessage> {
  readonly schema: Schema
  readonly validate?: (request: Request) => void
  readonly snapshot: (request: Request, caller: Caller) => Promise<Snapshot<MessageShape<Schema>>>
}

/**
 * Serves a stream of snapshots to the program that calls.
 *
 * @see SPIFFE Workload API section 4.3
 */
export function handleStream<Request, Schema extends DescMessage>(
  context: ServiceContext,
  method: StreamMethod<Request, Schema>,
): HandleServerStreaming<Received<Request>, MessageShape<Schema>> {
  return (call) => {
    new WorkloadStream(context, method, call).start()
  }
}

class WorkloadStream<Request, Schema extends DescMessage> extends SnapshotStream<Request, Schema> {
  readonly #context: ServiceContext
  readonly #method: StreamMethod<Request, Schema>

  constructor(
    context: ServiceContext,
    method: StreamMethod<Request, Schema>,
    call: ServerStreamingCall<Received<Request>, MessageShape<Schema>>,
  ) {
    super(context, method.schema, call)
    this.#context = context
    this.#method = method
  }

  protected override enter(): () => void {
    requireSecurityHeader(this.call)
    const { request } = this.call
    if (request instanceof MalformedRequest) throw invalidArgument('request cannot be decoded')
    this.#method.validate?.(request)
    return this.#context.callers.admit(this.call)
  }

  protected override async resolve(): Promise<Subject> {
    const caller = await this.#context.callers.resolve(this.call)
    return { caller, sight: new Sight(caller, this.#context.trustDomain) }
  }

  protected override snapshot(caller: Caller): Promise<Snapshot<MessageShape<Schema>>> {
    return this.#method.snapshot(this.call.request as Request, caller)
  }

  protected override giving(): void {}

  protected override refuse(cause: unknown): RpcError {
    this.#context.observation?.recorder.denied(denialReason(cause))
    return toRpcError(cause, this.#context.log)
  }
}
