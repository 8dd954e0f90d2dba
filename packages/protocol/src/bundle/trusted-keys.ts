import { type CryptoBackend, type Eventual, type VerificationKey, whenFailed } from '../keys/crypto-backend.ts'
import type { TokenAlgorithm } from '../keys/ml-dsa.ts'
import { fitsAlgorithm, type PublicJwk } from '../keys/public-jwk.ts'

/** What a key lookup can answer: one key, none with that name, or several that could be meant. */
export type KeySelection = Eventual<VerificationKey> | 'unknown' | 'ambiguous'

/** The keys of one origin for one use. Imported once each, on first need: an import costs as much as a verification. */
export class TrustedKeys {
  readonly jwks: readonly PublicJwk[]
  readonly #crypto: CryptoBackend
  /** By algorithm, then by the name that was asked for: two look-ups cost less than joining two texts. */
  readonly #imported = new Map<TokenAlgorithm, Map<string | undefined, Eventual<VerificationKey>>>()

  constructor(jwks: readonly PublicJwk[], crypto: CryptoBackend) {
    // A copy: whoever holds the list must not change what is trusted.
    this.jwks = [...jwks]
    this.#crypto = crypto
  }

  /**
   * The key a token's header means. A `kid` selects exactly the key with that name; without one, there must be exactly
   * one key that the algorithm fits. Keys are never tried in turn.
   *
   * @see draft-ietf-wimse-workload-creds, "Establishing Trust Anchors"
   */
  select(kid: string | undefined, alg: TokenAlgorithm): KeySelection {
    const known = this.#imported.get(alg)?.get(kid)
    if (known !== undefined) return known
    const candidates = this.jwks.filter((jwk) => (kid === undefined || jwk.kid === kid) && fits(jwk, alg))
    const [jwk, second] = candidates
    if (jwk === undefined) return 'unknown'
    if (second !== undefined) return 'ambiguous'
    const key = this.#crypto.importPublicJwk(jwk, alg)
    const imported = this.#imported.get(alg) ?? new Map<string | undefined, Eventual<VerificationKey>>()
    this.#imported.set(alg, imported.set(kid, key))
    // A backend that fails for a moment must not make the key unusable for good.
    return whenFailed(key, (error) => {
      imported.delete(kid)
      throw error
    })
  }
}

/** An anchor key that names its algorithm is used with no other, and one for encryption with none. */
function fits(jwk: PublicJwk, alg: TokenAlgorithm): boolean {
  return fitsAlgorithm(jwk, alg) && (jwk.alg === undefined || jwk.alg === alg) && jwk.use !== 'enc'
}
