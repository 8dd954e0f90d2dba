import type { Clock } from '@countersign/plugin-kit'
import type { MetricSet, Readiness } from '@countersign/telemetry'
import type { Authorities } from '../issuance/authorities.ts'
import type { Store } from '../store/store.ts'
import { readStoredFacts } from '../store/stored-facts.ts'
import { VERSION } from '../version.ts'
import type { ServerMetrics } from './server-metrics.ts'

export interface GaugeSources {
  readonly store: Store
  readonly authorities: Pick<Authorities, 'list' | 'kinds'>
  readonly readiness: Readiness
  readonly syncStreams: () => number
  readonly clock: Clock
}

const AUTHORITY_STATES = ['prepared', 'active', 'retired'] as const

/** Has what is not counted as it happens read before each scrape. */
export function readGauges(metrics: MetricSet<ServerMetrics>, sources: GaugeSources): void {
  metrics.set('countersign_server_build_info', { version: VERSION }, 1)
  metrics.beforeScrape(() => setAuthorities(metrics, sources))
  metrics.beforeScrape(() => setStored(metrics, sources))
  metrics.beforeScrape(async () => {
    const { ready } = await sources.readiness.report()
    metrics.set('countersign_server_ready', {}, ready ? 1 : 0)
  })
  metrics.beforeScrape(() => metrics.set('countersign_server_sync_streams', {}, sources.syncStreams()))
}

function setAuthorities(metrics: MetricSet<ServerMetrics>, { authorities, clock }: GaugeSources): void {
  const known = authorities.list()
  for (const kind of authorities.kinds) {
    const ofKind = known.filter((authority) => authority.kind === kind)
    const active = ofKind.find(({ state }) => state === 'active')
    const seconds = active === undefined ? -1 : active.notAfter - clock.now()
    metrics.set('countersign_server_authority_expiry_seconds', { kind }, seconds)
    for (const state of AUTHORITY_STATES) {
      const count = ofKind.filter((authority) => authority.state === state).length
      metrics.set('countersign_server_authorities', { kind, state }, count)
    }
  }
}

async function setStored(metrics: MetricSet<ServerMetrics>, { store, clock }: GaugeSources): Promise<void> {
  const now = clock.now()
  const { revision, entries, nodes, oldestCrlAt, bundles } = await readStoredFacts(store, now)
  metrics.set('countersign_server_revision', {}, revision)
  metrics.set('countersign_server_entries', {}, entries)
  for (const [state, count] of Object.entries(nodes)) metrics.set('countersign_server_nodes', { state }, count)
  if (oldestCrlAt !== undefined) metrics.set('countersign_server_crl_age_seconds', {}, now - oldestCrlAt)
  // Relationships end.
  metrics.clear('countersign_server_bundle_age_seconds')
  for (const { trustDomain, at } of bundles) {
    metrics.set('countersign_server_bundle_age_seconds', { trust_domain: trustDomain }, now - at)
  }
}
