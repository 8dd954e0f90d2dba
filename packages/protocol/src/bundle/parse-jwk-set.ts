import { parseJsonObject } from '../encoding/strict-json.ts'
import { KeyError } from '../keys/key-error.ts'
import { type PublicJwk, parsePublicJwk } from '../keys/public-jwk.ts'
import { BundleError } from './bundle-error.ts'

const MAX_BYTES = 4 * 1024 * 1024

/** What a token key is for: the uses of a SPIFFE bundle, and RFC 7517's one for signatures. */
export type TokenKeyUse = 'jwt-svid' | 'wit-svid' | 'sig'

/**
 * Reads the token keys of some uses from a JWK Set's `keys`. A key of an unknown kind, or stated to be for something else, is
 * left out; the others count. A key that states no use is taken for one asked for: some sources hold one kind only.
 *
 * @param keys parsed JSON
 * @throws BundleError `ERR_BUNDLE_MALFORMED` when it is not a list of objects
 * @see RFC 7517 section 5; SPIFFE Trust Domain and Bundle, section 4.2
 */
export function parseTokenKeys(keys: unknown, ...uses: readonly TokenKeyUse[]): readonly PublicJwk[] {
  if (!Array.isArray(keys)) throw new BundleError('ERR_BUNDLE_MALFORMED', 'key set has no list of keys')
  return keys.flatMap((key: unknown) => {
    if (typeof key !== 'object' || key === null) {
      throw new BundleError('ERR_BUNDLE_MALFORMED', 'key is not an object')
    }
    const stated = 'use' in key ? key.use : undefined
    return stated === undefined || uses.includes(stated as TokenKeyUse) ? parseUsableKey(key) : []
  })
}

/**
 * {@link parseTokenKeys} of a JWK Set as text, such as the Workload API's bundles.
 *
 * @throws BundleError `ERR_BUNDLE_TOO_LARGE` above 4 MiB
 * @throws EncodingError when it is not strict JSON
 */
export function parseJwkSet(text: string, use: TokenKeyUse): readonly PublicJwk[] {
  if (text.length > MAX_BYTES)
    throw new BundleError('ERR_BUNDLE_TOO_LARGE', `key set is larger than ${MAX_BYTES} bytes`)
  return parseTokenKeys(parseJsonObject(text)['keys'], use)
}

function parseUsableKey(key: object): readonly PublicJwk[] {
  try {
    // `use` has told what the key is for; kept, it would read as RFC 7517's.
    const { use: _, ...jwk } = parsePublicJwk(key)
    return [jwk]
  } catch (error) {
    if (error instanceof KeyError) return []
    throw error
  }
}
