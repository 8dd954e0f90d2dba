import { X509Certificate } from 'node:crypto'
import type { FederationChange } from '@countersign/api'
import { errorCode, parseTrustDomain, WorkloadId } from '@countersign/protocol'
import { parseAddressRange } from './address-range.ts'
import { FederationError } from './federation-error.ts'

const MAX_WEB_ROOTS = 32
/** As written: what a URL parser repairs (an empty user, a backslash, a line break) would be stored as something else. */
const ENDPOINT_URL = /^https:\/\/[^\s@/?#\\]+(?:[/?][^\s#]*)?$/
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----/g

/**
 * Checks where a bundle is to come from before it is stored. Nothing is fetched or resolved: a partner's endpoint, or its
 * name server, may be down at the moment.
 *
 * @throws FederationError `ERR_FEDERATION_URL`, `ERR_FEDERATION_WEB_ROOTS`, `ERR_FEDERATION_ENDPOINT_ID`,
 *   `ERR_FEDERATION_ALLOWED_ADDRESS`
 * @throws FederationError `ERR_FEDERATION_PROFILE` when the profile lacks what it needs, or has what only the other uses
 */
export function validateEndpoint(endpoint: FederationChange): void {
  const { bundleEndpointUrl, profile, webRoots, endpointSpiffeId, allowedAddresses = [] } = endpoint
  parseEndpointUrl(bundleEndpointUrl)
  if ((profile === 'https_spiffe') !== (endpointSpiffeId !== undefined)) {
    throw new FederationError('ERR_FEDERATION_PROFILE', 'endpointSpiffeId goes with https_spiffe, and only with it')
  }
  if (profile !== 'https_web' && webRoots !== undefined) {
    throw new FederationError('ERR_FEDERATION_PROFILE', 'webRoots go with https_web only')
  }
  if (endpointSpiffeId !== undefined) parseEndpointId(endpointSpiffeId)
  if (webRoots !== undefined) rejectWebRoots(webRoots)
  if (allowedAddresses.some((text) => parseAddressRange(text) === undefined)) {
    throw new FederationError(
      'ERR_FEDERATION_ALLOWED_ADDRESS',
      'allowedAddresses: expected IP addresses and ranges such as 10.0.0.0/8',
    )
  }
}

/** @throws FederationError `ERR_FEDERATION_ENDPOINT_ID` unless it is the SPIFFE ID of a workload */
export function parseEndpointId(text: string): WorkloadId {
  try {
    const id = WorkloadId.parse(text)
    if (id.scheme === 'spiffe') return id
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    const reason = (cause as Error).message
    throw new FederationError('ERR_FEDERATION_ENDPOINT_ID', `endpointSpiffeId: ${reason}`, { cause })
  }
  throw new FederationError('ERR_FEDERATION_ENDPOINT_ID', 'endpointSpiffeId: not a SPIFFE ID')
}

/**
 * @throws FederationError `ERR_FEDERATION_TRUST_DOMAIN`
 * @throws FederationError `ERR_FEDERATION_OWN_TRUST_DOMAIN`: whoever answers at the URL would become this domain
 */
export function requireForeignTrustDomain(trustDomain: string, ownTrustDomain: string): void {
  try {
    parseTrustDomain(trustDomain)
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new FederationError('ERR_FEDERATION_TRUST_DOMAIN', `trustDomain: ${(cause as Error).message}`, { cause })
  }
  if (trustDomain === ownTrustDomain) {
    throw new FederationError('ERR_FEDERATION_OWN_TRUST_DOMAIN', "this server's own trust domain has no other source")
  }
}

/**
 * @throws FederationError `ERR_FEDERATION_URL` unless it is an https URL without user information
 * @see SPIFFE Federation sections 5.2.1.1, 5.2.2.1
 */
export function parseEndpointUrl(text: string): URL {
  const url = ENDPOINT_URL.test(text) ? URL.parse(text) : null
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new FederationError('ERR_FEDERATION_URL', 'bundle endpoint must be an https URL without user or fragment')
  }
  return url
}

function rejectWebRoots(pem: string): void {
  const certificates = pem.match(PEM_CERTIFICATE) ?? []
  const isUsable = (certificate: string) => {
    try {
      return new X509Certificate(certificate).ca
    } catch {
      return false
    }
  }
  if (certificates.length === 0 || certificates.length > MAX_WEB_ROOTS || !certificates.every(isUsable)) {
    throw new FederationError(
      'ERR_FEDERATION_WEB_ROOTS',
      `webRoots: expected 1 to ${MAX_WEB_ROOTS} PEM CA certificates`,
    )
  }
}
