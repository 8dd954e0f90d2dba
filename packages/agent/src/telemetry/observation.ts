import type { Logger } from '@countersign/plugin-kit'
import { type MetricSet, NO_TRACING, openMetrics, openTracing, type Tracing } from '@countersign/telemetry'
import type { AgentConfig } from '../config/agent-config.ts'
import { VERSION } from '../version.ts'
import { AGENT_METRICS, type AgentMetrics } from './agent-metrics.ts'
import { type AgentRecorder, NO_RECORDER } from './agent-recorder.ts'
import { createMetricRecorder } from './metric-recorder.ts'

/** Who watches the agent. Parts are given it; none looks for it. */
export interface AgentObservation {
  readonly recorder: AgentRecorder
  readonly tracing: Tracing
  /** Absent when nobody can scrape. */
  readonly metrics?: MetricSet<AgentMetrics>
}

export const UNOBSERVED: AgentObservation = { recorder: NO_RECORDER, tracing: NO_TRACING }

/** @throws TelemetryError `ERR_TELEMETRY_PACKAGE` */
export async function openObservation(config: AgentConfig, log: Logger): Promise<AgentObservation> {
  const { trustDomain } = config
  const program = { name: 'countersign-agent', version: VERSION, trustDomain }
  const tracing = await openTracing(config.tracing, { ...program, log: log.child({ component: 'tracing' }) })
  if (config.telemetry === undefined) return { recorder: NO_RECORDER, tracing }
  const metrics = await openMetrics(AGENT_METRICS)
  return { recorder: createMetricRecorder(metrics), tracing, metrics }
}
