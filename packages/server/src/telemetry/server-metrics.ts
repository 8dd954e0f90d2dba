/** Every metric of the server: `docs/reference/metrics.md` is made from this, dashboards and alerts are held against it. */
import { anyOf, defineMetrics, oneOf, QUICK_SECONDS, REASON, REASON_OR_NONE } from '@countersign/telemetry'

const LISTENER = oneOf('machine', 'public', 'admin', 'spiffe-bundle')
/** Patterns of the source, as `/v1/entries/:id`: never a path that somebody sent. */
const ROUTE = anyOf(/^(?:none|\/[A-Za-z0-9/:._-]{0,79})$/, 128)
const METHOD = oneOf('DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT')
const STATUS = anyOf(/^[1-5][0-9][0-9]$/, 32)
const KIND = oneOf('x509', 'jwt', 'wit', 'oauth')
/** Of those that are configured; strangers name others. */
const ATTESTOR = anyOf(/^[a-z0-9][a-z0-9-]{0,63}$/, 32, 'unknown')
/** Set up by the operator, one by one. */
const TRUST_DOMAIN = anyOf(/^[a-z0-9._-]{1,255}$/, 128)
const OUTCOME = oneOf('success', 'failure')

export const SERVER_METRICS = defineMetrics('countersign_server', {
  countersign_server_build_info: {
    type: 'gauge',
    help: 'Always 1; the version is a label.',
    labels: { version: anyOf(/^[0-9A-Za-z.+-]{1,32}$/, 1) },
  },
  countersign_server_ready: {
    type: 'gauge',
    help: 'Whether the server can issue credentials, as /ready says: 1 or 0.',
  },
  countersign_server_http_requests_total: {
    type: 'counter',
    help: 'Answered HTTP requests.',
    labels: { listener: LISTENER, method: METHOD, route: ROUTE, status: STATUS },
  },
  countersign_server_http_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from the header of a request to the end of its answer. Event streams, which last for hours, are left out.',
    labels: { listener: LISTENER, route: ROUTE },
    buckets: QUICK_SECONDS,
  },
  countersign_server_credentials_issued_total: {
    type: 'counter',
    help: 'Signed credentials.',
    labels: { kind: oneOf('x509-svid', 'jwt-svid', 'wit-svid', 'agent-svid', 'server-svid', 'downstream-ca') },
  },
  countersign_server_credentials_refused_total: {
    type: 'counter',
    help: 'Requests for credentials of workloads that were refused, by error code.',
    labels: { kind: oneOf('x509-svid', 'jwt-svid', 'wit-svid'), reason: REASON },
  },
  countersign_server_node_attestations_total: {
    type: 'counter',
    help: 'Attempts of nodes to attest. The reason is an error code, or none.',
    labels: { attestor: ATTESTOR, outcome: OUTCOME, reason: REASON_OR_NONE },
  },
  countersign_server_node_attestation_duration_seconds: {
    type: 'histogram',
    help: 'Time to judge the evidence of a node and to issue its certificate.',
    labels: { attestor: ATTESTOR },
    buckets: QUICK_SECONDS,
  },
  countersign_server_entries: { type: 'gauge', help: 'Registration entries.' },
  countersign_server_nodes: {
    type: 'gauge',
    help: 'Nodes by state; expired are those whose certificate has ended without being renewed.',
    labels: { state: oneOf('active', 'expired', 'banned') },
  },
  countersign_server_authority_expiry_seconds: {
    type: 'gauge',
    help: 'Time until the authority that signs at present ends. Below zero when there is none that has not ended.',
    labels: { kind: KIND },
  },
  countersign_server_authorities: {
    type: 'gauge',
    help: 'Published authorities by state.',
    labels: { kind: KIND, state: oneOf('prepared', 'active', 'retired') },
  },
  countersign_server_crl_age_seconds: {
    type: 'gauge',
    help: 'Age of the oldest revocation list that is published. Lists are renewed at half of their 24 hours.',
  },
  countersign_server_bundle_age_seconds: {
    type: 'gauge',
    help: 'Time since the bundle of a federated trust domain was last fetched; for one that never was, since it was stored.',
    labels: { trust_domain: TRUST_DOMAIN },
  },
  countersign_server_federation_refreshes_total: {
    type: 'counter',
    help: 'Attempts to fetch the bundle of a federated trust domain. The reason is an error code, or none.',
    labels: { trust_domain: TRUST_DOMAIN, outcome: OUTCOME, reason: REASON_OR_NONE },
  },
  countersign_server_store_transaction_duration_seconds: {
    type: 'histogram',
    help: 'Time a transaction took from its begin, by what it may do: change writes what others hear of, note writes what they do not.',
    labels: { access: oneOf('read', 'change', 'note') },
    buckets: QUICK_SECONDS,
  },
  countersign_server_store_wait_duration_seconds: {
    type: 'histogram',
    help: 'Time a transaction waited for those before it.',
    labels: { access: oneOf('read', 'change', 'note') },
    buckets: QUICK_SECONDS,
  },
  countersign_server_store_transactions_pending: {
    type: 'gauge',
    help: 'Transactions that wait or run at the moment.',
  },
  countersign_server_store_failures_total: {
    type: 'counter',
    help: 'Transactions that the database refused, by error code.',
    labels: { reason: REASON },
  },
  countersign_server_revision: { type: 'gauge', help: 'The newest revision of the change log.' },
  countersign_server_changes_total: {
    type: 'counter',
    help: 'Changes of state that were announced.',
    labels: { kind: anyOf(/^[a-z_]{1,32}\.[a-z_]{1,32}$/, 64) },
  },
  countersign_server_sync_streams: { type: 'gauge', help: 'Open event streams of agents.' },
  countersign_server_signatures_total: {
    type: 'counter',
    help: 'Signatures asked of the key manager.',
    labels: { outcome: OUTCOME },
  },
  countersign_server_signature_duration_seconds: {
    type: 'histogram',
    help: 'Time the key manager took for a signature.',
    buckets: QUICK_SECONDS,
  },
  countersign_server_exchange_rules_reads_total: {
    type: 'counter',
    help: 'Documents of exchange rules read, at the start and when the file has changed. The reason is an error code, or none.',
    labels: { outcome: OUTCOME, reason: REASON_OR_NONE },
  },
  countersign_server_exchange_rules_current: {
    type: 'gauge',
    help: 'Whether the exchange rules in force are those of the file: 1, or 0 while a changed file cannot be used.',
  },
})
export type ServerMetrics = typeof SERVER_METRICS
