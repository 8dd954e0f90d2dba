import { BundleDocument, BundleList, TrustDomainBundle, TrustDomainName } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { FederationError } from '../../federation/federation-error.ts'
import type { Federations } from '../../federation/federations.ts'
import type { BundleStore } from '../../store/bundle-store.ts'

export interface BundleRoutesOptions {
  readonly bundles: BundleStore
  readonly federations: Federations
}

export const TrustDomainParams = Type.Object({ trustDomain: TrustDomainName })
export type TrustDomainParams = Static<typeof TrustDomainParams>

export function addBundleRoutes(app: FastifyInstance, { bundles, federations }: BundleRoutesOptions): void {
  app.get('/v1/bundles', { schema: { summary: 'List bundles', response: { 200: BundleList } } }, async () => ({
    bundles: await bundles.list(),
  }))

  app.get<{ Params: TrustDomainParams }>(
    '/v1/bundles/:trustDomain',
    { schema: { summary: 'Show a bundle', params: TrustDomainParams, response: { 200: TrustDomainBundle } } },
    async (request) => {
      const bundle = await bundles.get(request.params.trustDomain)
      if (bundle === undefined) throw new FederationError('ERR_FEDERATION_NOT_FOUND', 'no bundle of this trust domain')
      return bundle
    },
  )

  app.put<{ Params: TrustDomainParams; Body: BundleDocument }>(
    '/v1/bundles/:trustDomain',
    {
      schema: {
        summary: 'Replace the bundle of a foreign trust domain',
        params: TrustDomainParams,
        body: BundleDocument,
        response: { 200: TrustDomainBundle },
      },
    },
    (request) => federations.setBundle(request.params.trustDomain, request.body),
  )
}
