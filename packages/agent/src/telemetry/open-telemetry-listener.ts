import type { Logger } from '@countersign/plugin-kit'
import { TelemetryListener } from '@countersign/telemetry'
import type { AgentConfig } from '../config/agent-config.ts'
import type { AgentObservation } from './observation.ts'
import { type GaugeSources, readGauges } from './read-gauges.ts'

/**
 * Opens the listener for scrapers and probes, when the configuration has one.
 *
 * @throws TelemetryError `ERR_TELEMETRY_ADDRESS`
 */
export async function openTelemetryListener(
  { telemetry }: AgentConfig,
  { metrics }: AgentObservation,
  sources: GaugeSources & { readonly log: Logger },
): Promise<TelemetryListener | undefined> {
  if (telemetry === undefined || metrics === undefined) return undefined
  readGauges(metrics, sources)
  const { readiness, log } = sources
  return TelemetryListener.open(telemetry, { metrics, readiness, log: log.child({ component: 'telemetry' }) })
}
