import { CertificateError } from './certificate-error.ts'

/** RFC 1035 section 2.3.4. */
const MAX_BYTES = 253
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const ALL_DIGITS = /^\d+$/
/** More names than any one workload has; keeps a certificate far below what TLS stacks accept. */
const MAX_NAMES = 64

export interface DnsNameRules {
  /** Lets the left-most label be `*`. Default false: such a certificate speaks for hosts nobody named. */
  readonly allowWildcard?: boolean
}

/**
 * Checks names before they are put into a certificate.
 *
 * @throws CertificateError `ERR_CERTIFICATE_DNS_NAME` when a name is not a lower-case host name of letters, digits and
 *   hyphens, ends with a dot, looks like an IPv4 address, is a wildcard where none is allowed, or is given twice; or when
 *   there are more than 64
 * @see RFC 5280 section 4.2.1.6, RFC 1123 section 2.1
 */
export function checkDnsNames(names: readonly string[], rules: DnsNameRules = {}): void {
  if (names.length === 0) return
  if (names.length > MAX_NAMES) throw invalid(`more than ${MAX_NAMES} DNS names`)
  for (const name of names) checkDnsName(name, rules.allowWildcard ?? false)
  if (new Set(names).size !== names.length) throw invalid('DNS name is given twice')
}

function checkDnsName(name: string, allowWildcard: boolean): void {
  const isWildcard = name.startsWith('*.')
  if (isWildcard && !allowWildcard) throw invalid('wildcard DNS names are not allowed')
  const labels = (isWildcard ? name.slice(2) : name).split('.')
  if (isWildcard && labels.length < 2) throw invalid('wildcard DNS name covers a whole top-level domain')
  if (name.length > MAX_BYTES || !labels.every((label) => LABEL.test(label))) {
    throw invalid('DNS name is not a lower-case host name')
  }
  // An address belongs in an IP address name; some clients would compare this text with one.
  if (ALL_DIGITS.test(labels.at(-1) ?? '')) throw invalid('DNS name looks like an IP address')
}

function invalid(message: string): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_DNS_NAME', message)
}
