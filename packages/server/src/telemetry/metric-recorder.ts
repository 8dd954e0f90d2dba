import { type MetricSet, systemStopwatch } from '@countersign/telemetry'
import type { ServerMetrics } from './server-metrics.ts'
import type { ServerRecorder } from './server-recorder.ts'

const outcomeOf = (code: string | undefined) =>
  code === undefined ? { outcome: 'success', reason: 'none' } : { outcome: 'failure', reason: code }

/** Counts what the server tells. */
export function createMetricRecorder(metrics: MetricSet<ServerMetrics>): ServerRecorder {
  let pending = 0
  return {
    stopwatch: systemStopwatch,
    requestAnswered({ listener, method, route, status, seconds }) {
      metrics.count('countersign_server_http_requests_total', { listener, method, route, status: String(status) })
      if (seconds === undefined) return
      metrics.observe('countersign_server_http_request_duration_seconds', { listener, route }, seconds)
    },
    credentialIssued(kind) {
      metrics.count('countersign_server_credentials_issued_total', { kind })
    },
    credentialRefused(kind, code) {
      metrics.count('countersign_server_credentials_refused_total', { kind, reason: code })
    },
    nodeAttested({ attestor, code, seconds }) {
      metrics.count('countersign_server_node_attestations_total', { attestor, ...outcomeOf(code) })
      metrics.observe('countersign_server_node_attestation_duration_seconds', { attestor }, seconds)
    },
    bundleRefreshed({ trustDomain, code }) {
      const labels = { trust_domain: trustDomain, ...outcomeOf(code) }
      metrics.count('countersign_server_federation_refreshes_total', labels)
    },
    transactionBegun(access, waitedSeconds) {
      metrics.observe('countersign_server_store_wait_duration_seconds', { access }, waitedSeconds)
    },
    transactionEnded(access, seconds, code) {
      metrics.observe('countersign_server_store_transaction_duration_seconds', { access }, seconds)
      if (code !== undefined) metrics.count('countersign_server_store_failures_total', { reason: code })
    },
    transactionsPending(change) {
      pending += change
      metrics.set('countersign_server_store_transactions_pending', {}, pending)
    },
    signed(seconds, isFailed) {
      metrics.count('countersign_server_signatures_total', { outcome: isFailed ? 'failure' : 'success' })
      metrics.observe('countersign_server_signature_duration_seconds', {}, seconds)
    },
    exchangeRulesRead(code) {
      metrics.count('countersign_server_exchange_rules_reads_total', outcomeOf(code))
      metrics.set('countersign_server_exchange_rules_current', {}, code === undefined ? 1 : 0)
    },
  }
}
