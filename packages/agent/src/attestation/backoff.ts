import type { Backoff } from '@countersign/workload-api/server'

/** Of calls to a server that does not answer. */
export const CONNECTION_BACKOFF: Backoff = { firstMs: 1_000, maxMs: 30_000 }
