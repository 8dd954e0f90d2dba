import { IdentifierError } from './identifier-error.ts'
import { type IdentifierScheme, parseTrustDomain } from './trust-domain.ts'

/** Longest identifier accepted, in bytes. Both standards ask for at least, and advise at most, this. */
export const MAX_IDENTIFIER_BYTES = 2048

const SPIFFE_SEGMENT = /^[a-zA-Z0-9._-]+$/
/** RFC 3986 `segment` without percent-encoding: two spellings of one identifier would be two identities. */
const WIMSE_SEGMENT = /^[a-zA-Z0-9._~!$&'()*+,;=:@-]+$/
const SCHEME = /^[a-zA-Z][a-zA-Z0-9+.-]*$/

/**
 * A Workload Identifier: who a workload is. Immutable; outside this file only valid ones exist.
 *
 * Equality is equality of the whole text. `origin` (scheme and trust domain) says whose keys may vouch for it and is
 * never an identity itself.
 *
 * @see draft-ietf-wimse-identifier; SPIFFE-ID section 2
 */
export class WorkloadId {
  readonly scheme: IdentifierScheme
  readonly trustDomain: string
  /** Begins with "/" and is never just that. */
  readonly path: string
  readonly origin: string
  readonly #text: string

  private constructor(scheme: IdentifierScheme, trustDomain: string, path: string, text: string) {
    this.scheme = scheme
    this.trustDomain = trustDomain
    this.path = path
    this.origin = `${scheme}://${trustDomain}`
    this.#text = text
  }

  /**
   * Parses an absolute `spiffe:` or `wimse:` URI with a non-root path. Only the canonical spelling is accepted.
   *
   * @throws IdentifierError `ERR_IDENTIFIER_*`, one code for each rule
   */
  static parse(text: string): WorkloadId {
    rejectLength(text)
    const { scheme, authority, path } = split(text)
    const trustDomain = parseAuthority(authority, scheme)
    if (path === '' || path === '/') {
      throw new IdentifierError('ERR_IDENTIFIER_PATH_MISSING', 'identifier names a trust domain, not a workload')
    }
    rejectPath(path, scheme)
    return new WorkloadId(scheme, trustDomain, path, text)
  }

  equals(other: WorkloadId): boolean {
    return this.#text === other.#text
  }

  toString(): string {
    return this.#text
  }

  toJSON(): string {
    return this.#text
  }
}

/** Builds a SPIFFE ID from its two parts. @throws IdentifierError as {@link WorkloadId.parse} */
export function spiffeId(trustDomain: string, path: string): WorkloadId {
  // Joined unchecked, "example.org" and ".evil/a" would name a workload of another trust domain.
  parseTrustDomain(trustDomain)
  if (path !== '' && !path.startsWith('/')) {
    throw new IdentifierError('ERR_IDENTIFIER_PATH', 'path does not begin with a slash')
  }
  return WorkloadId.parse(`spiffe://${trustDomain}${path}`)
}

/**
 * Parses an origin: scheme and trust domain, no path. `spiffe://example.org`.
 *
 * @throws IdentifierError `ERR_IDENTIFIER_*`
 * @see draft-ietf-wimse-identifier, "Workload Identifier Origin"
 */
export function parseOrigin(text: string): { readonly scheme: IdentifierScheme; readonly trustDomain: string } {
  rejectLength(text)
  const { scheme, authority, path } = split(text)
  const trustDomain = parseAuthority(authority, scheme)
  if (path !== '') throw new IdentifierError('ERR_IDENTIFIER_PATH', 'an origin has no path')
  return { scheme, trustDomain }
}

function rejectLength(text: string): void {
  // Every accepted character is ASCII, so characters are bytes.
  if (text.length > MAX_IDENTIFIER_BYTES) {
    throw new IdentifierError('ERR_IDENTIFIER_TOO_LONG', `identifier is longer than ${MAX_IDENTIFIER_BYTES} bytes`)
  }
}

/** RFC 3986 appendix B by hand; WHATWG URL would repair what must be refused. */
function split(text: string): { scheme: IdentifierScheme; authority: string; path: string } {
  const colon = text.indexOf(':')
  const name = text.slice(0, Math.max(0, colon))
  if (!SCHEME.test(name) || !text.startsWith('//', colon + 1)) {
    throw new IdentifierError('ERR_IDENTIFIER_NOT_ABSOLUTE', 'identifier is not an absolute URI with an authority')
  }
  const scheme = parseScheme(name)
  if (text.includes('?')) throw new IdentifierError('ERR_IDENTIFIER_QUERY', 'identifier has a query')
  if (text.includes('#')) throw new IdentifierError('ERR_IDENTIFIER_FRAGMENT', 'identifier has a fragment')
  const start = colon + 3
  const slash = text.indexOf('/', start)
  return slash === -1
    ? { scheme, authority: text.slice(start), path: '' }
    : { scheme, authority: text.slice(start, slash), path: text.slice(slash) }
}

function parseScheme(name: string): IdentifierScheme {
  if (name === 'spiffe' || name === 'wimse') return name
  const lower = name.toLowerCase()
  if (lower === 'spiffe' || lower === 'wimse') {
    throw new IdentifierError('ERR_IDENTIFIER_NOT_CANONICAL', 'scheme must be lower case')
  }
  throw new IdentifierError('ERR_IDENTIFIER_SCHEME', 'scheme is neither spiffe nor wimse')
}

function parseAuthority(authority: string, scheme: IdentifierScheme): string {
  // An empty delimiter still counts: "wimse://@a" has user information.
  if (authority.includes('@')) {
    throw new IdentifierError('ERR_IDENTIFIER_USERINFO', 'identifier has user information')
  }
  if (authority.startsWith('[')) {
    throw new IdentifierError('ERR_IDENTIFIER_TRUST_DOMAIN', 'trust domain is an IP address')
  }
  if (authority.includes(':')) throw new IdentifierError('ERR_IDENTIFIER_PORT', 'identifier has a port')
  return parseTrustDomain(authority, scheme)
}

function rejectPath(path: string, scheme: IdentifierScheme): void {
  const allowed = scheme === 'spiffe' ? SPIFFE_SEGMENT : WIMSE_SEGMENT
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') throw new IdentifierError('ERR_IDENTIFIER_PATH', 'path has an empty segment')
    if (segment === '.' || segment === '..') {
      throw new IdentifierError('ERR_IDENTIFIER_PATH', 'path has a relative segment')
    }
    if (!allowed.test(segment)) {
      throw new IdentifierError('ERR_IDENTIFIER_PATH', 'path has a character that is not allowed')
    }
  }
}
