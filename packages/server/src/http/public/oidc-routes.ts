import { createHash } from 'node:crypto'
import type { BundleDocument } from '@countersign/api'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { DISCOVERY_PATH, type IssuerUrl } from '../../issuance/issuer-url.ts'
import { type BundleRoutesOptions, jwtKeysOf, readOwnBundle } from './bundle-routes.ts'
import { OidcError } from './oidc-error.ts'
import { sendCacheable } from './send-cacheable.ts'

const Texts = Type.Array(Type.String())
const ProviderMetadata = Type.Object({
  issuer: Type.String(),
  jwks_uri: Type.String(),
  response_types_supported: Texts,
  subject_types_supported: Texts,
  id_token_signing_alg_values_supported: Texts,
  claims_supported: Texts,
})
type ProviderMetadata = Static<typeof ProviderMetadata>

/**
 * OpenID Connect discovery, by which relying parties that know nothing of SPIFFE verify JWT-SVIDs.
 *
 * What it says comes from the configuration and the bundle. Nothing of a request is in it: who can make one, through a
 * proxy or a cache, could else name keys of their own.
 *
 * @see OpenID Connect Discovery 1.0 section 4
 */
export function addOidcRoutes(app: FastifyInstance, options: BundleRoutesOptions): void {
  const { issuer } = options
  if (issuer?.discoveryPath !== DISCOVERY_PATH) addAbsence(app, issuer)
  if (issuer === undefined) return
  app.get(
    issuer.discoveryPath,
    {
      schema: {
        summary: 'OpenID Connect metadata of the issuer of JWT-SVIDs',
        description: 'OpenID Connect Discovery 1.0, for relying parties that verify JWT-SVIDs as ID tokens.',
        response: { 200: ProviderMetadata },
      },
    },
    async (request, reply) => {
      const bundle = await readOwnBundle(options)
      const metadata = formatMetadata(issuer, bundle)
      const version = createHash('sha256').update(JSON.stringify(metadata)).digest('base64url')
      return sendCacheable(request, reply, { version, maxAgeSeconds: bundle.spiffe_refresh_hint ?? 0 }, metadata)
    },
  )
}

/** There is nobody to log in, so there is no `authorization_endpoint`: relying parties of workloads ask for none. */
function formatMetadata({ issuer, jwksUri }: IssuerUrl, bundle: BundleDocument): ProviderMetadata {
  const algorithms = jwtKeysOf(bundle).flatMap(({ alg }) => (typeof alg === 'string' ? [alg] : []))
  return {
    issuer,
    jwks_uri: jwksUri,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(algorithms)].sort(),
    claims_supported: ['aud', 'exp', 'iat', 'iss', 'jti', 'sub'],
  }
}

/** Says why nothing is there to whoever looks at the usual place. */
function addAbsence(app: FastifyInstance, issuer: IssuerUrl | undefined): void {
  app.get(DISCOVERY_PATH, { schema: { hide: true } }, async () => {
    if (issuer === undefined) {
      throw new OidcError(
        'ERR_OIDC_NO_ISSUER',
        'no issuer is configured, so there is no OpenID Connect discovery: set "svids.jwtIssuer" of the server',
      )
    }
    throw new OidcError('ERR_OIDC_OTHER_PATH', `the issuer has a path; its metadata is at ${issuer.discoveryPath}`)
  })
}
