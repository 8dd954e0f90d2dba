import { KeyError } from './key-error.ts'

/**
 * The asymmetric signature algorithms of RFC 7518, RFC 8037 and RFC 9864 that credentials and proofs may use. `EdDSA` and
 * `Ed25519` make the same signature under two names, and one never passes for the other.
 */
export const SIGNATURE_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
] as const

export type SignatureAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number]

/** What a SPIFFE JWT-SVID or WIT-SVID may be signed with: no EdDSA under either name. JWT-SVID section 2.1, WIT-SVID section 2.3. */
export const SVID_ALGORITHMS: readonly SignatureAlgorithm[] = SIGNATURE_ALGORITHMS.filter(
  (alg) => alg !== 'EdDSA' && alg !== 'Ed25519',
)

const known: ReadonlySet<string> = new Set(SIGNATURE_ALGORITHMS)

export function isSignatureAlgorithm(value: unknown): value is SignatureAlgorithm {
  return typeof value === 'string' && known.has(value)
}

/**
 * The algorithms a JWK of this type and curve can be used with. An EC key has exactly one.
 *
 * @throws KeyError `ERR_KEY_UNSUPPORTED` when no supported algorithm fits the key
 * @see RFC 7518 section 3.1, RFC 8037 section 3.1
 */
export function algorithmsOf(key: { readonly kty: string; readonly crv?: string }): readonly SignatureAlgorithm[] {
  if (key.kty === 'RSA') return RSA_ALGORITHMS
  const algorithm = BY_CURVE.get(`${key.kty} ${key.crv}`)
  if (algorithm === undefined) {
    throw new KeyError('ERR_KEY_UNSUPPORTED', 'key type or curve is not supported', { detail: `kty ${key.kty}` })
  }
  return algorithm
}

const RSA_ALGORITHMS: readonly SignatureAlgorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const BY_CURVE: ReadonlyMap<string, readonly SignatureAlgorithm[]> = new Map([
  ['EC P-256', ['ES256']],
  ['EC P-384', ['ES384']],
  ['EC P-521', ['ES512']],
  ['OKP Ed25519', ['EdDSA', 'Ed25519']],
])
