import type { CryptoBackend } from '../keys/crypto-backend.ts'
import { isMlDsaAlgorithm, type TokenAlgorithm } from '../keys/ml-dsa.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { importMlDsaPublicJwk, requireMlDsaRuntime } from './ml-dsa.ts'
import { nodeCrypto } from './node-crypto.ts'

export interface NodeCryptoOptions {
  /**
   * Also verify ML-DSA signatures (draft-ietf-cose-dilithium). Of itself this accepts nothing: a verifier takes only the
   * ML-DSA algorithms that its own `algorithms` name.
   */
  readonly experimentalMlDsa: true
}

/**
 * {@link nodeCrypto} with what is not in it by default.
 *
 * @throws KeyError `ERR_KEY_RUNTIME` at once, not at the first token, when this Node lacks what was asked for
 */
export function nodeCryptoWith(options: NodeCryptoOptions): CryptoBackend {
  if (options.experimentalMlDsa !== true) return nodeCrypto
  requireMlDsaRuntime()
  return {
    ...nodeCrypto,
    importPublicJwk: (jwk: PublicJwk, alg: TokenAlgorithm) =>
      isMlDsaAlgorithm(alg) ? importMlDsaPublicJwk(jwk, alg) : nodeCrypto.importPublicJwk(jwk, alg),
  }
}
