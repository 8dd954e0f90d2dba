import type { Federation } from '@countersign/api'
import { parseSpiffeBundle } from '@countersign/protocol'
import type { BundleStore } from '../store/bundle-store.ts'
import type { EndpointAuthentication } from './endpoint-authentication.ts'
import { FederationError } from './federation-error.ts'
import { parseEndpointId } from './validate-federation.ts'

/**
 * What the endpoint of a relationship must prove at this moment. By `https_spiffe`, the bundle that is known now
 * authenticates the connection that fetches the next one, so a partner's new authority is believed because the old one
 * vouched for where it came from.
 *
 * @param now seconds since the Unix epoch
 * @throws FederationError `ERR_FEDERATION_NO_BUNDLE` when the endpoint's own trust domain has none here
 * @see SPIFFE Federation section 5.2.2.4
 */
export async function authenticationOf(
  { profile, webRoots, endpointSpiffeId = '' }: Federation,
  bundles: BundleStore,
  now: number,
): Promise<EndpointAuthentication> {
  if (profile === 'https_web') return { profile, webRoots }
  const endpointId = parseEndpointId(endpointSpiffeId)
  const known = await bundles.get(endpointId.trustDomain)
  if (known === undefined) {
    throw new FederationError('ERR_FEDERATION_NO_BUNDLE', 'there is no bundle to verify the endpoint with')
  }
  const { x509Authorities: roots } = parseSpiffeBundle(endpointId.trustDomain, known.bundle)
  return { profile, endpointId, roots, now }
}
