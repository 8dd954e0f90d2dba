import type { MetricDefinitions } from './metric-definition.ts'
import type { MetricSet } from './metric-set.ts'

/** Loaded for those who scrape only: the library takes twenty MiB of memory. */
export async function openMetrics<Definitions extends MetricDefinitions>(
  definitions: Definitions,
): Promise<MetricSet<Definitions>> {
  const { MetricSet } = await import('./metric-set.ts')
  return new MetricSet(definitions)
}
