const MAX_LENGTH = 253
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * Whether a text may stand in a workload's certificate as a DNS name: lower-case letters, digits and hyphens in labels
 * of at most 63, not an IPv4 address and no wildcard, which would speak for hosts nobody named.
 *
 * @see RFC 5280 section 4.2.1.6, RFC 1123 section 2.1
 */
export function isDnsName(text: string): boolean {
  if (text.length > MAX_LENGTH) return false
  const labels = text.split('.')
  return labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '')
}
