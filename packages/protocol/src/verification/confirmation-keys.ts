import { type CryptoBackend, type Eventual, type VerificationKey, whenFailed } from '../keys/crypto-backend.ts'
import type { TokenAlgorithm } from '../keys/ml-dsa.ts'
import { type PublicJwk, thumbprintInput } from '../keys/public-jwk.ts'

const CAPACITY = 4096

/**
 * Imported confirmation keys, by their whole content. Importing a P-256 key costs as much as a verification, and a
 * workload keeps its key over several WITs. Bounded: emptied when full.
 */
export class ConfirmationKeys {
  readonly #crypto: CryptoBackend
  readonly #keys = new Map<string, Eventual<VerificationKey>>()

  constructor(crypto: CryptoBackend) {
    this.#crypto = crypto
  }

  /** @throws KeyError when the key is not valid */
  import(jwk: PublicJwk, alg: TokenAlgorithm): Eventual<VerificationKey> {
    const name = `${alg}${thumbprintInput(jwk)}`
    const known = this.#keys.get(name)
    if (known !== undefined) return known
    const key = this.#crypto.importPublicJwk(jwk, alg)
    if (this.#keys.size >= CAPACITY) this.#keys.clear()
    this.#keys.set(name, key)
    return whenFailed(key, (error) => {
      this.#keys.delete(name)
      throw error
    })
  }
}
