import type { AnswerContext } from '../workload-api/service-context.ts'
import type { BrokerAudit } from './broker-audit.ts'
import type { BrokerGate } from './broker-gate.ts'
import type { KeyedLimit } from './keyed-limit.ts'
import type { ProcessTable } from './process-table.ts'
import type { WorkloadResolver } from './resolve-workload.ts'

/** What the handlers of the Broker API work with. */
export interface BrokerContext extends AnswerContext {
  readonly gate: BrokerGate
  readonly processes: ProcessTable
  readonly workloads: WorkloadResolver
  readonly audit: BrokerAudit
  /** Calls in progress, by broker. */
  readonly calls: KeyedLimit
}
