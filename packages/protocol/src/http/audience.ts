import { RequestError } from './request-error.ts'

/**
 * `scheme://host:port/path`, up to query or fragment; no user information, no white space. The host is ASCII: lower case of
 * anything else can turn one name into another.
 */
const HTTP_URI = /^(https?):\/\/(\[[0-9a-f:.]+\]|[!-"$-.0-9;->A-Z[-~]+)(?::([0-9]*))?(\/[^?#\s]*)?(?=[?#]|$)/i
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

/**
 * Brings an HTTP URI into the one form in which audiences are compared: query and fragment gone, scheme and authority in
 * lower case, default port left out, empty path written "/". The path stays as it is. Other text is returned unchanged:
 * an audience may be any agreed value.
 *
 * @see draft-ietf-wimse-wpt, validation step for `aud`; RFC 3986 section 6.2.2.1 and 6.2.3
 */
export function normalizeAudience(text: string): string {
  const match = HTTP_URI.exec(text)
  if (match === null) return text
  const scheme = (match[1] as string).toLowerCase()
  const host = (match[2] as string).toLowerCase()
  const port = match[3] ?? ''
  const authority = port === '' || port === DEFAULT_PORTS[scheme] ? host : `${host}:${port}`
  return `${scheme}://${authority}${match[4] ?? '/'}`
}

/**
 * The path of a request target as received, without its query.
 *
 * @throws RequestError `ERR_REQUEST_TARGET` for a target without a path (`*`, CONNECT's authority)
 * @see RFC 9112 section 3.2
 */
export function pathOfTarget(target: string): string {
  // Absolute form names an authority too; like Host, it is only what the sender says.
  const start = target.startsWith('/') ? 0 : startOfAbsolutePath(target)
  const query = target.search(/[?#]/)
  return query === -1 ? target.slice(start) : target.slice(start, Math.max(start, query))
}

function startOfAbsolutePath(target: string): number {
  const match = /^https?:\/\/[^/?#]*/i.exec(target)
  if (match === null) throw new RequestError('ERR_REQUEST_TARGET', 'request target has no path')
  return match[0].length
}

/**
 * Whom this service answers to, from configuration alone.
 *
 * `baseUrls`: scheme, authority and optional path prefix under which clients reach it; the request's path is added.
 * `accepted`: further whole values.
 */
export class AudiencePolicy {
  readonly #baseUrls: readonly string[]
  readonly #accepted: ReadonlySet<string>

  /** @throws TypeError when nothing is configured, or a base URL is not http or https */
  constructor(options: { readonly baseUrls?: readonly string[]; readonly accepted?: readonly string[] }) {
    const baseUrls = options.baseUrls ?? []
    const accepted = options.accepted ?? []
    if (baseUrls.length + accepted.length === 0) throw new TypeError('a verifier needs at least one audience')
    this.#baseUrls = baseUrls.map((url) => {
      const match = HTTP_URI.exec(url)
      if (match === null || match[0] !== url) {
        throw new TypeError('an audience base URL must be an http or https URL without query or fragment')
      }
      return normalizeAudience(url).replace(/\/$/, '')
    })
    this.#accepted = new Set(accepted.map(normalizeAudience))
  }

  /** Whether a proof made out to `audience` is meant for a request with this target. */
  accepts(audience: string, target: string): boolean {
    if (this.#accepted.size > 0 && this.#accepted.has(normalizeAudience(audience))) return true
    const path = pathOfTarget(target) || '/'
    // Most clients write it the one way; only what differs has to be brought into that form.
    if (this.#baseUrls.some((base) => audience === base + path)) return true
    const normalized = normalizeAudience(audience)
    return this.#baseUrls.some((base) => normalized === base + path)
  }
}
