import { SIGNATURE_ALGORITHMS } from '@countersign/protocol'
import { type AccessTokenOptions, readAccessOptions } from './access-token-options.ts'

/** What a service says of itself, so that clients find out whose tokens it takes. */
export interface ProtectedResource {
  /** Where it is served, below the service's own origin. */
  readonly path: string
  /** The whole address, as challenges name it. */
  readonly url: string
  readonly document: ProtectedResourceMetadata
}

/** @see RFC 9728 section 2 */
export interface ProtectedResourceMetadata {
  readonly resource: string
  readonly authorization_servers: readonly string[]
  readonly scopes_supported?: readonly string[]
  readonly bearer_methods_supported: readonly string[]
  readonly dpop_signing_alg_values_supported: readonly string[]
  readonly resource_name?: string
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/**
 * The metadata of a service, from its configuration alone.
 *
 * @param options as for `verifyAccessToken`; `name` for people
 * @throws TypeError as `verifyAccessToken`
 * @see RFC 9728 section 3.1: the path is put between host and path of the resource
 */
export function protectedResource(options: AccessTokenOptions & { readonly name?: string }): ProtectedResource {
  const { issuer, baseUrl, resource, scopes } = readAccessOptions(options)
  const { origin, pathname } = new URL(baseUrl)
  const path = `${WELL_KNOWN}${pathname.replace(/\/$/, '')}`
  return {
    path,
    url: `${origin}${path}`,
    document: {
      resource,
      authorization_servers: [issuer],
      ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
      ...(options.name === undefined ? {} : { resource_name: options.name }),
    },
  }
}
