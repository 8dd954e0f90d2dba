import type { Logger } from '@countersign/plugin-kit'
import { type MetricSet, NO_TRACING, openMetrics, openTracing, type Tracing } from '@countersign/telemetry'
import type { Closers } from '../closers.ts'
import type { ServerConfig } from '../config/server-config.ts'
import { VERSION } from '../version.ts'
import { createMetricRecorder } from './metric-recorder.ts'
import { SERVER_METRICS, type ServerMetrics } from './server-metrics.ts'
import { NO_RECORDER, type ServerRecorder } from './server-recorder.ts'

/** Who watches the server. Parts are given it; none looks for it. */
export interface Observation {
  readonly recorder: ServerRecorder
  readonly tracing: Tracing
  /** Absent when nobody can scrape. */
  readonly metrics?: MetricSet<ServerMetrics>
}

export const UNOBSERVED_SERVER: Observation = { recorder: NO_RECORDER, tracing: NO_TRACING }

/** @throws TelemetryError `ERR_TELEMETRY_PACKAGE` */
export async function openObservation(config: ServerConfig, log: Logger, closers: Closers): Promise<Observation> {
  const program = { name: 'countersign-server', version: VERSION, trustDomain: config.trustDomain }
  const tracing = await openTracing(config.tracing, { ...program, log: log.child({ component: 'tracing' }) })
  closers.add(() => tracing.close())
  if (config.telemetry === undefined) return { recorder: NO_RECORDER, tracing }
  const metrics = await openMetrics(SERVER_METRICS)
  return { recorder: createMetricRecorder(metrics), tracing, metrics }
}
