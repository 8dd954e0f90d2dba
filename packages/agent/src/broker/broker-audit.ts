import type { Clock, Logger } from '@countersign/plugin-kit'
import { status } from '@grpc/grpc-js'
import { LogLimit } from '../log-limit.ts'
import type { RpcError } from '../workload-api/rpc-error.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { WorkloadRpcError } from './workload-rpc-error.ts'

/** What a decision was about. */
export interface BrokerQuestion {
  readonly method: string
  readonly connection: BrokerConnection
  /** Of the workload it asked for, once that is known. */
  readonly pid: number | undefined
}

/** Writes down each decision of the Broker API: who asked for whom, and what the answer was. */
export class BrokerAudit {
  readonly #log: Logger
  readonly #limit: LogLimit

  constructor(clock: Clock, log: Logger) {
    this.#log = log
    this.#limit = new LogLimit(clock)
  }

  /** Each one is written: brokers are few and named by the operator. */
  given(question: BrokerQuestion, spiffeIds: readonly string[], withheld: readonly string[]): void {
    this.#log.info({ ...fieldsOf(question), answer: 'OK', spiffeIds, withheld }, 'broker request answered')
  }

  /** @param withheld identities of the workload that this broker may not have */
  denied(question: BrokerQuestion, error: RpcError, withheld: readonly string[]): void {
    const reason = error instanceof WorkloadRpcError ? error.reason : undefined
    const fields = { ...fieldsOf(question), answer: status[error.code], reason, withheld }
    this.#log.warn({ ...fields, details: error.details }, 'broker request refused')
  }

  /** A call that did not get as far as a workload. Anyone with a certificate can make these, so not each is written. */
  refused(method: string, connection: BrokerConnection | undefined, error: RpcError, code: string | undefined): void {
    const broker = connection?.id.toString()
    const admitted = this.#limit.admit(`${broker} ${error.code}`)
    if (admitted === undefined) return
    const fields = { broker, remote: connection?.remote.text, method, answer: status[error.code], code, ...admitted }
    this.#log.warn({ ...fields, details: error.details }, 'broker request refused')
  }
}

function fieldsOf({ method, connection, pid }: BrokerQuestion) {
  return { broker: connection.id.toString(), remote: connection.remote.text, method, pid }
}
