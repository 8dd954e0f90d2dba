import { X509Certificate } from 'node:crypto'
import type { NewFederation } from '@countersign/api'
import { errorCode, parseTrustDomain } from '@countersign/protocol'
import { FederationError } from './federation-error.ts'

const MAX_WEB_ROOTS = 32
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----/g

/**
 * Checks a relationship before it is stored. Nothing is fetched: a partner's endpoint may be down at the moment.
 *
 * @throws FederationError `ERR_FEDERATION_TRUST_DOMAIN`, `ERR_FEDERATION_URL`, `ERR_FEDERATION_WEB_ROOTS`
 * @throws FederationError `ERR_FEDERATION_OWN_TRUST_DOMAIN`: whoever answers at the URL would become this domain
 */
export function validateFederation(federation: NewFederation, ownTrustDomain: string): void {
  requireForeignTrustDomain(federation.trustDomain, ownTrustDomain)
  parseEndpointUrl(federation.bundleEndpointUrl)
  if (federation.webRoots !== undefined) rejectWebRoots(federation.webRoots)
}

/** @throws FederationError `ERR_FEDERATION_TRUST_DOMAIN`, `ERR_FEDERATION_OWN_TRUST_DOMAIN` */
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
 * @see SPIFFE Federation section 5.2.1
 */
export function parseEndpointUrl(text: string): URL {
  const url = URL.parse(text)
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
