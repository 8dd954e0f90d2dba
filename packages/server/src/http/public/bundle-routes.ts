import { BundleDocument } from '@countersign/api'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { BundleStore } from '../../store/bundle-store.ts'

export interface BundleRoutesOptions {
  readonly bundles: BundleStore
  readonly trustDomain: string
}

/** What a bundle held before WIT-SVIDs were specified. */
const OLDER_USES: readonly unknown[] = ['x509-svid', 'jwt-svid']

const KeySet = Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) })

export function addBundleRoutes(app: FastifyInstance, { bundles, trustDomain }: BundleRoutesOptions): void {
  const readOwn = async () => (await bundles.get(trustDomain))?.bundle ?? { keys: [] }

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
      const bundle = await readOwn()
      return sendCacheable(request, reply, bundle, bundle)
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
      const bundle = await readOwn()
      const keys = bundle.keys.filter((key) => OLDER_USES.includes(key['use']))
      return sendCacheable(request, reply, bundle, { ...bundle, keys })
    },
  )

  app.get(
    '/keys',
    {
      schema: {
        summary: 'Keys that sign JWT-SVIDs',
        description: 'JSON Web Key Set (RFC 7517) for verifiers that know nothing of SPIFFE.',
        response: { 200: KeySet },
      },
    },
    async (request, reply) => {
      const bundle = await readOwn()
      const keys = bundle.keys.filter((key) => key['use'] === 'jwt-svid').map((key) => ({ ...key, use: 'sig' }))
      return sendCacheable(request, reply, bundle, { keys })
    },
  )
}

/** All documents follow from the own bundle, so its sequence number is their version. */
function sendCacheable(request: FastifyRequest, reply: FastifyReply, bundle: BundleDocument, document: object) {
  const etag = `"${bundle.spiffe_sequence ?? 0}"`
  reply.headers({ etag, 'cache-control': `public, max-age=${bundle.spiffe_refresh_hint ?? 0}` })
  const known = request.headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  if (known?.includes(etag)) return reply.code(304).send()
  return reply.type('application/json').send(document)
}
