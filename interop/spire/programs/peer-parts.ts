import type { WorkloadId } from '@countersign/protocol'
import type { Workload } from '@countersign/sdk'
import type { WorkloadApiClient } from '@countersign/workload-api'

export interface PeerParts {
  readonly workload: Workload
  readonly client: WorkloadApiClient
  readonly mutualTls: Awaited<ReturnType<Workload['mutualTls']>>
  /** The only identity at the other end that will do. */
  readonly peer: WorkloadId
}
