import type { TrustDomainBundle } from '@countersign/api'
import type { CheckReport } from '../support/check-report.ts'
import type { InteropTrustDomain } from '../support/trust-domain.ts'
import type { Deployment } from './deployment.ts'
import type { OrdersService } from './orders-service.ts'
import { ask } from './traffic.ts'

const OWN_CALLER = 'spiffe://example.org/storefront'
const ALL = { 'name: ROOTCA': 'name: ALL' }

export interface FederationParts {
  readonly report: CheckReport
  readonly domain: InteropTrustDomain
  readonly partner: InteropTrustDomain
  readonly deployment: Deployment
  readonly service: OrdersService
  /** Registered with the partner among those it federates with. */
  readonly ordersBinary: string
}

/** A caller of another trust domain: accepted with its roots, refused without. */
export async function checkFederation(parts: FederationParts): Promise<void> {
  const { report, domain, partner, deployment, service, ordersBinary } = parts
  const caller = `spiffe://${partner.name}/storefront`
  const binary = await deployment.register(partner, 'storefront', [domain.name])
  const allow = { [OWN_CALLER]: caller }

  for (const isFederated of [true, false]) {
    // Each time, because the own authority is replaced every minute and nobody refreshes what was set by hand.
    await exchangeBundles(domain, partner)
    const name = isFederated ? 'ALL' : 'ROOTCA'
    const changes = isFederated ? { ...allow, ...ALL } : allow
    const orders = await deployment.startOrders(`orders-${name}`, ordersBinary, domain, service.port, changes)
    const storefront = await deployment.startStorefront(`partner-${name}`, binary, partner, orders.port, ALL)
    await Promise.all([orders.envoy.untilLive(), storefront.envoy.untilLive()])
    const { status } = await ask(storefront.port)
    const refused = await orders.envoy.stat('ssl\\.fail_verify_error$')
    report.add(
      isFederated
        ? {
            check: "envoy: with ALL, a partner's workload is let in by name",
            ok: status === 200 && service.lastCaller() === caller,
            detail: `${status} for ${service.lastCaller()}`,
          }
        : {
            check: "envoy: with ROOTCA, the same workload is refused: its trust domain's roots are not there",
            ok: status === 503 && refused > 0,
            detail: `${status}, ${refused} refused for their chain`,
          },
    )
  }
}

/** What the two operators would do by hand. */
async function exchangeBundles(one: InteropTrustDomain, other: InteropTrustDomain): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const path = `/v1/bundles/${from.name}`
    const { bundle } = await from.admin<TrustDomainBundle>('GET', path)
    await to.admin('PUT', path, bundle)
  }
}
