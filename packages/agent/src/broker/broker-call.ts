import type { WorkloadReference } from '@countersign/workload-api/broker'
import { MalformedRequest, type Received } from '@countersign/workload-api/server'
import type { Caller } from '../workload-api/caller.ts'
import { permissionDenied, type RpcError, toRpcError, unavailable } from '../workload-api/rpc-error.ts'
import type { BrokerQuestion } from './broker-audit.ts'
import type { BrokerConnection } from './broker-connection.ts'
import type { BrokerContext } from './broker-context.ts'
import type { AdmittedBroker } from './broker-gate.ts'
import { type PidReference, parseReference } from './parse-reference.ts'
import type { ProcessLease } from './process-table.ts'
import { distinctIds, type ResolvedWorkload, requireEntitlement } from './resolve-workload.ts'
import { referenceInvalid, workloadNotFound } from './workload-rpc-error.ts'

export interface BrokerRequest {
  readonly reference?: WorkloadReference | undefined
}

/**
 * One call of a broker about one process: holds the process for as long as it lasts, asks anew who is who for each answer,
 * and has each decision written down.
 */
export class BrokerCall<Request extends BrokerRequest> {
  readonly #context: BrokerContext
  readonly #method: string
  readonly #connectionKey: string
  readonly #releases: (() => void)[] = []
  #connection: BrokerConnection | undefined
  #pid: number | undefined
  #lease: ProcessLease | undefined
  #withheld: readonly string[] = []
  #given: string | undefined

  constructor(context: BrokerContext, method: string, connectionKey: string) {
    this.#context = context
    this.#method = method
    this.#connectionKey = connectionKey
  }

  /**
   * Takes the process that the request names: from here on its pid means this process or none.
   *
   * @param validate checks of the rest of the request
   * @param onEnd called when the process has ended
   * @throws RpcError in the order of the checks
   */
  begin(received: Received<Request>, validate: (request: Request) => void, onEnd: () => void): Request {
    const { calls, processes } = this.#context
    const broker = this.#admit()
    const leave = calls.take(broker.connection.id.toString())
    if (leave === undefined) throw unavailable('too many calls of this broker at once')
    this.#releases.push(leave)
    if (received instanceof MalformedRequest) throw referenceInvalid('the request cannot be decoded')
    const reference = parseReference(received.reference)
    this.#pid = reference.pid
    requireAllowedReference(reference, broker)
    validate(received)
    const lease = processes.acquire(reference.pid, onEnd)
    if (lease === undefined) throw workloadNotFound()
    this.#lease = lease
    this.#releases.push(() => lease.release())
    return received
  }

  /**
   * The process, with the identities that the broker may have of it.
   *
   * @throws RpcError when the broker, the process or its right to an identity are no longer what they were
   */
  async resolve(): Promise<ResolvedWorkload> {
    if (this.#lease === undefined) throw workloadNotFound()
    const workload = await this.#context.workloads.resolve(this.#lease, this.#admit().grant)
    this.#withheld = workload.withheld
    requireEntitlement(workload)
    return workload
  }

  /**
   * To be called before each answer goes out. Written down are the first one, and each that gives other identities.
   *
   * @throws RpcError when the broker, or the process, is no longer what it was when its credentials were made
   */
  giving({ entries, peer }: Caller): void {
    this.#admit()
    const now = this.#lease?.peer()
    if (now === undefined) throw workloadNotFound()
    // It acts as another user since then: what was made is for a program that it may not be any more.
    if (now !== peer) throw unavailable('the workload has changed meanwhile')
    const spiffeIds = distinctIds(entries)
    const given = JSON.stringify([spiffeIds, this.#withheld])
    if (given === this.#given) return
    this.#given = given
    const question = this.#question
    if (question !== undefined) this.#context.audit.given(question, spiffeIds, this.#withheld)
  }

  /** The answer to an error, written down. */
  refuse(cause: unknown): RpcError {
    const { audit, log } = this.#context
    const error = toRpcError(cause, log)
    const question = this.#question
    if (question === undefined) audit.refused(this.#method, undefined, error, undefined)
    else audit.denied(question, error, this.#withheld)
    return error
  }

  /** To be called when the call is over, however it ended. */
  release(): void {
    for (const release of this.#releases.splice(0)) release()
  }

  get #question(): BrokerQuestion | undefined {
    if (this.#connection === undefined) return undefined
    return { method: this.#method, connection: this.#connection, pid: this.#pid }
  }

  #admit(): AdmittedBroker {
    const broker = this.#context.gate.admit(this.#connectionKey)
    this.#connection = broker.connection
    return broker
  }
}

function requireAllowedReference({ type }: PidReference, { grant, connection }: AdmittedBroker): void {
  if (!grant.allowsReference(type)) throw permissionDenied('this broker may not refer to workloads by process id')
  // A pid of another host, or of another pid namespace, is that of some other program here. SPIFFE Broker API section 3.1.2.
  if (!connection.remote.sharesPids) {
    throw referenceInvalid('process ids of another host or pid namespace mean nothing here')
  }
}
