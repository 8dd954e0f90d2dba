import type { Clock } from '@countersign/plugin-kit'
import type { MetricSet, Readiness } from '@countersign/telemetry'
import type { AgentSession } from '../attestation/agent-session.ts'
import type { Issuer } from '../issuance/issuer.ts'
import type { AgentState } from '../state/agent-state.ts'
import { VERSION } from '../version.ts'
import type { AgentMetrics } from './agent-metrics.ts'

/** What programs do on the socket at present. */
export interface SocketLoad {
  readonly connections: number
  readonly streams: number
  readonly attestations: { readonly running: number; readonly waiting: number }
}

export interface GaugeSources {
  readonly state: Pick<AgentState, 'view'>
  readonly session: Pick<AgentSession, 'identity' | 'contact'>
  readonly issuer: Pick<Issuer, 'sizes'>
  readonly load: () => SocketLoad
  readonly readiness: Readiness
  readonly clock: Clock
}

/** Has what is not counted as it happens read before each scrape. */
export function readGauges(metrics: MetricSet<AgentMetrics>, sources: GaugeSources): void {
  const { clock, readiness } = sources
  const startedAt = clock.now()
  metrics.set('countersign_agent_build_info', { version: VERSION }, 1)
  metrics.beforeScrape(() => setContact(metrics, sources, startedAt))
  metrics.beforeScrape(() => setLoad(metrics, sources))
  metrics.beforeScrape(async () => {
    const { ready } = await readiness.report()
    metrics.set('countersign_agent_ready', {}, ready ? 1 : 0)
  })
}

function setContact(metrics: MetricSet<AgentMetrics>, sources: GaugeSources, startedAt: number): void {
  const { session, state, clock } = sources
  const { connected, heardAt = startedAt } = session.contact.current
  const { view } = state
  metrics.set('countersign_agent_server_connected', {}, connected ? 1 : 0)
  metrics.set('countersign_agent_sync_age_seconds', {}, clock.now() - heardAt)
  metrics.set('countersign_agent_sync_revision', {}, view.revision)
  metrics.set('countersign_agent_entries', {}, view.entries.entries.length)
  const { identity } = session
  const left = identity === undefined ? -1 : identity.expiresAt - clock.now()
  metrics.set('countersign_agent_svid_expiry_seconds', {}, left)
}

function setLoad(metrics: MetricSet<AgentMetrics>, { load, issuer }: GaugeSources): void {
  const { connections, streams, attestations } = load()
  metrics.set('countersign_agent_workload_connections', {}, connections)
  metrics.set('countersign_agent_workload_streams', {}, streams)
  metrics.set('countersign_agent_attestations_running', {}, attestations.running)
  metrics.set('countersign_agent_attestations_waiting', {}, attestations.waiting)
  const { x509, jwt, wit } = issuer.sizes
  metrics.set('countersign_agent_credentials', { kind: 'x509-svid' }, x509)
  metrics.set('countersign_agent_credentials', { kind: 'jwt-svid' }, jwt)
  metrics.set('countersign_agent_credentials', { kind: 'wit-svid' }, wit)
}
