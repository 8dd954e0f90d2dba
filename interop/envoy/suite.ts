import type { InteropSuite } from '../support/interop-suite.ts'
import { Deployment } from './deployment.ts'
import { missingEnvoy } from './envoy-binary.ts'
import { checkFederation } from './federation.ts'
import { startOrdersService } from './orders-service.ts'
import { checkRefusals } from './refusals.ts'
import { checkRotation } from './rotation.ts'
import { ask } from './traffic.ts'

/** The one of the guide, so that its configurations need no change for that. */
const TRUST_DOMAIN = 'example.org'
const PARTNER = 'partner.example'
/** The shortest there is: it is replaced while the suite runs. */
const X509_AUTHORITY_TTL_SECONDS = 60

/** Two Envoys between plain HTTP services, with certificates from our agent and configurations from our guide. */
export const suite: InteropSuite = {
  missing: ({ processes }) => missingEnvoy(processes),

  async run({ processes, report, temporaryFolder, startTrustDomain }) {
    const domain = await startTrustDomain(TRUST_DOMAIN, {
      server: { authorities: { x509Ttl: X509_AUTHORITY_TTL_SECONDS } },
    })
    const deployment = new Deployment(processes, temporaryFolder)
    const service = await startOrdersService()
    try {
      const ordersBinary = await deployment.register(domain, 'orders', [PARTNER])
      const storefrontBinary = await deployment.register(domain, 'storefront')
      const orders = await deployment.startOrders('orders', ordersBinary, domain, service.port)
      const storefront = await deployment.startStorefront('storefront', storefrontBinary, domain, orders.port)
      await Promise.all([orders.envoy.untilLive(), storefront.envoy.untilLive()])

      const answer = await ask(storefront.port)
      report.add({
        check: 'envoy: a plain request arrives over mutual TLS, with the name of its caller',
        ok: answer.status === 200 && service.lastCaller() === `spiffe://${TRUST_DOMAIN}/storefront`,
        detail: `${answer.status} for ${service.lastCaller()}`,
      })
      await checkRotation({ report, domain, service, orders, storefront })
      await checkRefusals({ report, domain, deployment, orders, storefrontBinary })
      const partner = await startTrustDomain(PARTNER)
      await checkFederation({ report, domain, partner, deployment, service, ordersBinary })
    } finally {
      service.close()
    }
  },
}
