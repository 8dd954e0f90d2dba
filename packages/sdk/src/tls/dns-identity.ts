const WILDCARD = '*.'

/**
 * Whether a certificate's DNS names cover the name a client called. Only whole names count, and `*` as the whole
 * left-most label for exactly one label, above a name of at least two. The subject's common name is no DNS name.
 *
 * @param host as in a URL: lower or upper case, internationalized names in their ASCII form
 * @see RFC 9525 sections 6.3 and 6.4
 */
export function matchesDnsName(host: string, dnsSans: readonly string[]): boolean {
  const name = canonical(host)
  const parent = name.slice(name.indexOf('.') + 1)
  return dnsSans.some((each) => {
    const san = canonical(each)
    if (!san.startsWith(WILDCARD)) return san === name
    const covered = san.slice(WILDCARD.length)
    return covered.includes('.') && !covered.includes('*') && name.includes('.') && parent === covered
  })
}

/** A trailing dot only says that the name is complete. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
