export const NOT_SHOWN = '(private, not shown)'

/** RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037 section 2, and the seeds of post-quantum keys. */
const PRIVATE_MEMBERS: ReadonlySet<string> = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv', 'seed'])

/** Names under which a key stands even when it lacks the `kty` it should have. */
const KEY_NAMES: ReadonlySet<string> = new Set(['jwk', 'keys'])

/** Deeper than any token or bundle goes; a document nested further could exhaust whoever prints it. */
const MAX_DEPTH = 64

/** A copy of decoded JSON in which private members of every key, at any depth, are replaced by a remark. */
export function redactPrivate(value: unknown, parent = '', depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return '(nested too deeply)'
  if (Array.isArray(value)) return value.map((item) => redactPrivate(item, parent, depth + 1))
  const isKey = 'kty' in value || KEY_NAMES.has(parent)
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      isKey && PRIVATE_MEMBERS.has(name) ? NOT_SHOWN : redactPrivate(member, name, depth + 1),
    ]),
  )
}

/** Names of the private members a JWK holds. */
export function privateMembers(jwk: unknown): readonly string[] {
  return typeof jwk === 'object' && jwk !== null ? Object.keys(jwk).filter((name) => PRIVATE_MEMBERS.has(name)) : []
}
