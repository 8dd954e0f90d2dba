import type { JsonObject, WorkloadIdentityError } from '@countersign/protocol'
import { FederationError } from '../federation/federation-error.ts'

/** Makes the error of whoever uses the keys. @param reason safe for anyone */
export type RefuseKeys = (reason: string, cause?: unknown) => WorkloadIdentityError

/** Gets one JSON object. @throws FederationError */
export type FetchMetadata = (url: string) => Promise<JsonObject>

/** Where metadata may stand: as OpenID Connect Discovery 1.0 has it, and as RFC 8414 has it. */
export type MetadataPlace = 'openid-configuration' | 'oauth-authorization-server'

/** Answers of a server that has nothing at a place: a status, a way to its front page, or that page itself. */
const NOTHING_THERE: ReadonlySet<string> = new Set([
  'ERR_FEDERATION_STATUS',
  'ERR_FEDERATION_REDIRECT',
  'ERR_FEDERATION_BUNDLE',
])

/**
 * Finds out where an issuer's keys are, by its own metadata. The next place is looked at only when there is nothing at the one
 * before: metadata of another issuer are no reason to look further, but to stop.
 *
 * @param places at least one, in this order
 * @returns `jwks_uri`, an https URL
 * @throws FederationError when the issuer cannot be asked; as `refuse` when what it says cannot be used
 * @see OpenID Connect Discovery 1.0 sections 4.1 and 4.3; RFC 8414 sections 3.1 and 3.3
 */
export async function discoverKeys(
  issuer: string,
  places: readonly MetadataPlace[],
  fetch: FetchMetadata,
  refuse: RefuseKeys,
): Promise<string> {
  const [first = 'openid-configuration', ...others] = places
  try {
    return readMetadata(await fetch(metadataUrl(issuer, first)), issuer, refuse)
  } catch (error) {
    if (!(error instanceof FederationError) || !NOTHING_THERE.has(error.code)) throw error
    if (others.length > 0) return discoverKeys(issuer, others, fetch, refuse)
    throw refuse(`there are no metadata of it: ${error.message}`, error)
  }
}

/** Whether there can be metadata of such an issuer: an https URL with neither user nor query nor fragment. */
export function isDiscoverable(issuer: string): boolean {
  return ISSUER.test(issuer) && URL.canParse(issuer)
}

/** As text, since what a parser makes of a path could be another one. RFC 8414 section 2 */
const ISSUER = /^(https:\/\/[^/?#@\s\\]+)(\/[^?#\s\\]*)?$/

/** One terminating slash goes. The path of an issuer comes before the name of OpenID Connect, and behind that of RFC 8414. */
function metadataUrl(issuer: string, place: MetadataPlace): string {
  const [, origin = '', path = ''] = ISSUER.exec(issuer.replace(/\/$/, '')) ?? []
  return place === 'openid-configuration'
    ? `${origin}${path}/.well-known/openid-configuration`
    : `${origin}/.well-known/oauth-authorization-server${path}`
}

function readMetadata(metadata: JsonObject, issuer: string, refuse: RefuseKeys): string {
  // Another issuer's metadata, put in the way, would bring that one's keys.
  if (metadata['issuer'] !== issuer) throw refuse('metadata are of another issuer')
  const jwksUri = metadata['jwks_uri']
  if (typeof jwksUri !== 'string') throw refuse('metadata have no "jwks_uri"')
  return jwksUri
}
