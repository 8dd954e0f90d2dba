import type { Clock, Logger } from '@countersign/plugin-kit'
import { TelemetryListener } from '@countersign/telemetry'
import type { Closers } from '../closers.ts'
import type { ServerConfig } from '../config/server-config.ts'
import type { ServerParts } from '../server-parts.ts'
import type { Observation } from './observation.ts'
import { readGauges } from './read-gauges.ts'

export interface TelemetrySurroundings {
  readonly config: ServerConfig
  readonly parts: ServerParts
  readonly observation: Observation
  readonly syncStreams: () => number
  readonly log: Logger
  readonly clock: Clock
  readonly closers: Closers
}

/**
 * Opens the listener for scrapers and probes, when the configuration has one.
 *
 * @returns its URL
 * @throws TelemetryError `ERR_TELEMETRY_ADDRESS`
 */
export async function openTelemetryListener(surroundings: TelemetrySurroundings): Promise<string | undefined> {
  const { config, parts, observation, syncStreams, log, clock, closers } = surroundings
  const { metrics } = observation
  if (config.telemetry === undefined || metrics === undefined) return undefined
  readGauges(metrics, { ...parts, syncStreams, clock })
  const count = parts.store.feed.subscribe(({ kind }) => metrics.count('countersign_server_changes_total', { kind }))
  closers.add(count)
  const sources = { metrics, readiness: parts.readiness, log: log.child({ component: 'telemetry' }) }
  const listener = await TelemetryListener.open(config.telemetry, sources)
  closers.add(() => listener.close())
  return listener.url
}
