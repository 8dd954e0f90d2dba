import { BundleDocument } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { IssuerUrl } from '../../issuance/issuer-url.ts'
import type { BundleStore } from '../../store/bundle-store.ts'
import { type Freshness, sendCacheable } from './send-cacheable.ts'

export interface BundleRoutesOptions {
  readonly bundles: BundleStore
  readonly trustDomain: string
  /** Of JWT-SVIDs; without one there is no OpenID Connect discovery. */
  readonly issuer: IssuerUrl | undefined
}

/** What a bundle held before WIT-SVIDs were specified. */
const OLDER_USES: readonly unknown[] = ['x509-svid', 'jwt-svid']

const KeySet = Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) })

export function addBundleRoutes(app: FastifyInstance, options: BundleRoutesOptions): void {
  app.get(
    '/bundle',
    {
      schema: {
        summary: 'SPIFFE bundle of the trust domain',
        description: 'Bundle endpoint, profile https_web (SPIFFE Federation, section 5.2.1).',
        response: { 200: BundleDocument },
      },
    },
    async (request, reply) => {
      const bundle = await readOwnBundle(options)
      return sendCacheable(request, reply, freshnessOf(bundle), bundle)
    },
  )

  app.get(
    '/bundle/x509-jwt',
    {
      schema: {
        summary: 'The same bundle without WIT-SVID keys',
        description:
          'For software that refuses a whole bundle over a key whose use it does not know, such as SPIRE before 1.15.3. ' +
          'The standard would have it ignore that key.',
        response: { 200: BundleDocument },
      },
    },
    async (request, reply) => {
      const bundle = await readOwnBundle(options)
      const keys = bundle.keys.filter((key) => OLDER_USES.includes(key['use']))
      return sendCacheable(request, reply, freshnessOf(bundle), { ...bundle, keys })
    },
  )

  for (const path of new Set(['/keys', options.issuer?.keysPath ?? '/keys'])) {
    app.get(
      path,
      {
        schema: {
          summary: 'Keys that sign JWT-SVIDs',
          description: 'JSON Web Key Set (RFC 7517) for verifiers that know nothing of SPIFFE.',
          response: { 200: KeySet },
        },
      },
      async (request, reply) => {
        const bundle = await readOwnBundle(options)
        return sendCacheable(request, reply, freshnessOf(bundle), { keys: jwtKeysOf(bundle) })
      },
    )
  }
}

export async function readOwnBundle({ bundles, trustDomain }: BundleRoutesOptions): Promise<BundleDocument> {
  return (await bundles.get(trustDomain))?.bundle ?? { keys: [] }
}

/** The keys of JWT-SVIDs and no others: a relying party would take a WIT-SVID for an ID token. */
export function jwtKeysOf(bundle: BundleDocument): Record<string, unknown>[] {
  return bundle.keys.filter((key) => key['use'] === 'jwt-svid').map((key) => ({ ...key, use: 'sig' }))
}

/** Bundle and keys follow from the own bundle, so its sequence number is their version. */
function freshnessOf(bundle: BundleDocument): Freshness {
  return { version: String(bundle.spiffe_sequence ?? 0), maxAgeSeconds: bundle.spiffe_refresh_hint ?? 0 }
}
