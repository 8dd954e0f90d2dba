import { type MetricSet, systemStopwatch } from '@countersign/telemetry'
import { GrpcStatus } from '@countersign/workload-api/server'
import type { AgentMetrics } from './agent-metrics.ts'
import type { AgentRecorder } from './agent-recorder.ts'

const STATUS_NAMES = new Map(Object.entries(GrpcStatus).map(([name, code]) => [Number(code), name]))

const outcomeOf = (code: string | undefined) =>
  code === undefined ? { outcome: 'success', reason: 'none' } : { outcome: 'failure', reason: code }

/** Counts what the agent tells. */
export function createMetricRecorder(metrics: MetricSet<AgentMetrics>): AgentRecorder {
  return {
    stopwatch: systemStopwatch,
    serverAsked({ route, code, seconds }) {
      metrics.count('countersign_agent_server_requests_total', { route, ...outcomeOf(code) })
      metrics.observe('countersign_agent_server_request_duration_seconds', { route }, seconds)
    },
    callEnded(method, status) {
      metrics.count('countersign_agent_workload_calls_total', { method, status: STATUS_NAMES.get(status) ?? '' })
    },
    callAnswered(method, seconds) {
      metrics.observe('countersign_agent_workload_call_duration_seconds', { method }, seconds)
    },
    denied(reason) {
      metrics.count('countersign_agent_denials_total', { reason })
    },
    attested(seconds, code) {
      metrics.count('countersign_agent_attestations_total', outcomeOf(code))
      metrics.observe('countersign_agent_attestation_duration_seconds', {}, seconds)
    },
    credentialFetched(kind, outcome, code) {
      metrics.count('countersign_agent_credential_fetches_total', { kind, outcome, reason: code ?? 'none' })
    },
    pushed(seconds) {
      metrics.observe('countersign_agent_push_duration_seconds', {}, seconds)
    },
  }
}
