/** Every metric of the agent: `docs/reference/metrics.md` is made from this, dashboards and alerts are held against it. */
import { anyOf, defineMetrics, oneOf, QUICK_SECONDS, REASON_OR_NONE, SLOW_SECONDS } from '@countersign/telemetry'

const KIND = oneOf('x509-svid', 'jwt-svid', 'wit-svid')
/** Of the services on the socket: a method that is not there is not counted by its name. */
const METHOD = anyOf(/^\/[A-Za-z0-9_.]{0,80}\/[A-Za-z0-9_]{1,40}$/, 64)
const ROUTE = anyOf(/^\/v1\/agent\/[a-z0-9-]{1,40}$/, 32)
const OUTCOME = oneOf('success', 'failure')

export const AGENT_METRICS = defineMetrics('countersign_agent', {
  countersign_agent_build_info: {
    type: 'gauge',
    help: 'Always 1; the version is a label.',
    labels: { version: anyOf(/^[0-9A-Za-z.+-]{1,32}$/, 1) },
  },
  countersign_agent_ready: { type: 'gauge', help: 'Whether the agent can serve programs, as /ready says: 1 or 0.' },
  countersign_agent_server_connected: {
    type: 'gauge',
    help: 'Whether the agent follows the changes of its server: 1 or 0.',
  },
  countersign_agent_sync_age_seconds: {
    type: 'gauge',
    help: 'Time since the server was last heard of; its stream gives a sign of life every 15 seconds. Until then, time since start.',
  },
  countersign_agent_sync_revision: {
    type: 'gauge',
    help: "Revision of the newest state from the server. It stays behind the server's own when later changes do not concern this agent.",
  },
  countersign_agent_server_requests_total: {
    type: 'counter',
    help: 'Requests to the server. The reason is an error code, or none.',
    labels: { route: ROUTE, outcome: OUTCOME, reason: REASON_OR_NONE },
  },
  countersign_agent_server_request_duration_seconds: {
    type: 'histogram',
    help: "Time from a request to the header of the server's answer, connecting included.",
    labels: { route: ROUTE },
    buckets: SLOW_SECONDS,
  },
  countersign_agent_svid_expiry_seconds: {
    type: 'gauge',
    help: "Time until the agent's own X509-SVID ends; below zero when it has, and when there is none.",
  },
  countersign_agent_entries: { type: 'gauge', help: 'Registration entries of this agent.' },
  countersign_agent_workload_connections: { type: 'gauge', help: 'Open connections of programs to the socket.' },
  countersign_agent_workload_streams: {
    type: 'gauge',
    help: 'Open streams of the Workload API and of secret discovery.',
  },
  countersign_agent_workload_calls_total: {
    type: 'counter',
    help: 'Calls on the socket that have ended, by gRPC method and status; streams are counted when they end.',
    labels: { method: METHOD, status: anyOf(/^[A-Z_]{2,24}$/, 20) },
  },
  countersign_agent_workload_call_duration_seconds: {
    type: 'histogram',
    help: 'Time to answer a call of the Workload API that is no stream.',
    labels: { method: METHOD },
    buckets: QUICK_SECONDS,
  },
  countersign_agent_denials_total: {
    type: 'counter',
    help: 'Calls of the Workload API that got no answer, by reason; no_identity is a program that no entry matches.',
    labels: {
      reason: oneOf('no_identity', 'attestation', 'server', 'busy', 'not_ready', 'invalid_request', 'internal'),
    },
  },
  countersign_agent_attestations_total: {
    type: 'counter',
    help: 'Programs asked about, once for each time attestors looked. The reason is an error code, or none.',
    labels: { outcome: OUTCOME, reason: REASON_OR_NONE },
  },
  countersign_agent_attestation_duration_seconds: {
    type: 'histogram',
    help: 'Time the attestors took to find out about a program, without the wait for their turn.',
    buckets: QUICK_SECONDS,
  },
  countersign_agent_attestations_running: { type: 'gauge', help: 'Programs that attestors look at now.' },
  countersign_agent_attestations_waiting: { type: 'gauge', help: 'Programs that wait for their turn to be looked at.' },
  countersign_agent_credentials: {
    type: 'gauge',
    help: 'Credentials of programs that are kept.',
    labels: { kind: KIND },
  },
  countersign_agent_credential_fetches_total: {
    type: 'counter',
    help: 'Credentials asked of the server: issued are first ones, renewed replace one, failed brought none.',
    labels: { kind: KIND, outcome: oneOf('issued', 'renewed', 'failed'), reason: REASON_OR_NONE },
  },
  countersign_agent_push_duration_seconds: {
    type: 'histogram',
    help: 'Time from when streams were told of a change to when a program has the message, the deliberate spread of wide changes included.',
    buckets: SLOW_SECONDS,
  },
})
export type AgentMetrics = typeof AGENT_METRICS
