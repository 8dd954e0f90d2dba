import { type DerReader, malformed } from './der-reader.ts'
import { constructedTag, DerTag } from './der-tag.ts'
import { readGeneralName } from './general-name.ts'

/** What a CA may name. Host constraints of URIs and DNS names are enforced; any other form is only noticed. */
export interface NameConstraints {
  readonly permitted: HostConstraints
  readonly excluded: HostConstraints
  /** True when a form is constrained that this package cannot check; such a CA is refused. */
  readonly hasOtherForms: boolean
}

export interface HostConstraints {
  readonly uri: readonly string[]
  readonly dns: readonly string[]
}

/** The names of one certificate that constraints are about. */
export interface ConstrainedNames {
  readonly uriSans: readonly string[]
  readonly dnsSans: readonly string[]
}

/**
 * Parses the extension's value.
 *
 * @throws CertificateError `ERR_CERTIFICATE_MALFORMED`, also for `minimum` and `maximum`, which are never used
 * @see RFC 5280 section 4.2.1.10
 */
export function parseNameConstraints(value: DerReader): NameConstraints {
  const reader = value.enter(DerTag.sequence)
  if (reader.isAtEnd) throw malformed('name constraints are empty')
  const permitted = readSubtrees(reader, constructedTag(0))
  const excluded = readSubtrees(reader, constructedTag(1))
  reader.finish()
  return { permitted, excluded, hasOtherForms: permitted.hasOther || excluded.hasOther }
}

/** Whether a CA with these constraints may vouch for these names. */
export function allowsNames(constraints: NameConstraints, names: ConstrainedNames): boolean {
  const { permitted, excluded } = constraints
  const hosts = names.uriSans.map(uriHost)
  const isConstrained = permitted.uri.length + excluded.uri.length > 0
  // RFC 5280: a URI without a host cannot be judged, so a constraint on URIs refuses it.
  if (isConstrained && hosts.includes(undefined)) return false
  return (
    hosts.every((host = '') => isAllowed(host, permitted.uri, excluded.uri, matchesUriHost)) &&
    names.dnsSans.every((name) => isAllowed(name.toLowerCase(), permitted.dns, excluded.dns, matchesDnsName))
  )
}

type Matcher = (name: string, constraint: string) => boolean

function isAllowed(name: string, permitted: readonly string[], excluded: readonly string[], matches: Matcher): boolean {
  if (excluded.some((constraint) => matches(name, constraint))) return false
  return permitted.length === 0 || permitted.some((constraint) => matches(name, constraint))
}

/** A constraint with a leading period means every host below it, without one exactly that host; empty, all hosts. */
function matchesUriHost(host: string, constraint: string): boolean {
  return constraint === '' || (constraint.startsWith('.') ? host.endsWith(constraint) : host === constraint)
}

/** A constraint means that name and every name below it; the empty one means all names. */
function matchesDnsName(name: string, constraint: string): boolean {
  return constraint === '' || name === constraint || name.endsWith(`.${constraint}`)
}

function uriHost(uri: string): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]+)/i.exec(uri)?.[1]
  const host = authority?.replace(/^.*@/, '').replace(/:\d*$/, '').toLowerCase()
  return host === undefined || host === '' || host.startsWith('[') ? undefined : host
}

function readSubtrees(reader: DerReader, tag: number): HostConstraints & { readonly hasOther: boolean } {
  const subtrees = { uri: [] as string[], dns: [] as string[], hasOther: false }
  if (reader.peekTag() !== tag) return subtrees
  const list = reader.enter(tag)
  if (list.isAtEnd) throw malformed('name constraints are empty')
  while (!list.isAtEnd) {
    const subtree = list.enter(DerTag.sequence)
    const base = readGeneralName(subtree)
    subtree.finish()
    if (base.form === 'uri') subtrees.uri.push(base.text.toLowerCase())
    else if (base.form === 'dns') subtrees.dns.push(base.text.toLowerCase())
    else subtrees.hasOther = true
  }
  return subtrees
}
