import { errorCode, spiffeId, WorkloadId } from '@countersign/protocol'

/** The prefix below which every identifier of a trust domain lies. */
export const WHOLE_DOMAIN = '/'

/** With a segment boundary: `/team-a` covers itself and `/team-a/x`, never `/team-ab`. */
export function covers(prefix: string, path: string): boolean {
  return prefix === WHOLE_DOMAIN || path === prefix || path.startsWith(`${prefix}/`)
}

/**
 * Whether a text is a prefix as it is stored: `/`, or the path of a SPIFFE ID in its one spelling. Anything else (a final
 * slash, `..`, percent-encoding) would be compared as something it does not look like.
 */
export function isPathPrefix(text: string): boolean {
  if (text === WHOLE_DOMAIN) return true
  try {
    return spiffeId('example.org', text).path === text
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return false
  }
}

/** The path of an identifier of this trust domain; `undefined` for any other, which no prefix covers. */
export function ownPathOf(identifier: string, trustDomain: string): string | undefined {
  try {
    const id = WorkloadId.parse(identifier)
    return id.origin === `spiffe://${trustDomain}` ? id.path : undefined
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}
