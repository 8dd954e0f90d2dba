import { parseJsonObject } from '@countersign/protocol'

export type RawJwk = Readonly<Record<string, unknown>>

/** Members that only a private or a symmetric key has. RFC 7518 section 6. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

/** The keys of a JWK Set, none of them judged. A text says why it is no JWK Set. RFC 7517 section 5. */
export function readJwkSet(text: string): readonly RawJwk[] | string {
  let keys: unknown
  try {
    keys = parseJsonObject(text)['keys']
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  if (!Array.isArray(keys)) return 'no "keys"'
  return keys.every((key) => typeof key === 'object' && key !== null && !Array.isArray(key))
    ? keys
    : 'a key that is no object'
}

export function privateMember(jwk: RawJwk): string | undefined {
  return PRIVATE_MEMBERS.find((name) => name in jwk)
}

/** The first `kid` that two keys have. */
export function repeatedKeyId(keys: readonly RawJwk[]): string | undefined {
  const ids = keys.map(({ kid }) => kid).filter((kid) => typeof kid === 'string')
  return ids.find((kid, index) => ids.indexOf(kid) !== index)
}
