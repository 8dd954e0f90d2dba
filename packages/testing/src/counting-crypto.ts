import type { CryptoBackend, VerificationKey } from '@countersign/protocol'
import { whenReady } from '@countersign/protocol'

/** How often each kind of work was asked for. */
export interface CryptoCalls {
  imports: number
  verifications: number
  hashes: number
}

/** The same cryptography, with its calls counted: for tests that a refusal comes before any of it. */
export function countingCrypto(crypto: CryptoBackend): { readonly crypto: CryptoBackend; readonly calls: CryptoCalls } {
  const calls: CryptoCalls = { imports: 0, verifications: 0, hashes: 0 }
  const countedKey = (key: VerificationKey): VerificationKey => ({
    alg: key.alg,
    verify(data, signature) {
      calls.verifications++
      return key.verify(data, signature)
    },
  })
  const { digest } = crypto
  return {
    calls,
    crypto: {
      ...(digest === undefined
        ? {}
        : {
            digest(algorithm, data) {
              calls.hashes++
              return digest.call(crypto, algorithm, data)
            },
          }),
      importPublicJwk(jwk, alg) {
        calls.imports++
        return whenReady(crypto.importPublicJwk(jwk, alg), countedKey)
      },
      importSpki(spki, alg) {
        calls.imports++
        return whenReady(crypto.importSpki(spki, alg), countedKey)
      },
      exportSpki: (jwk) => crypto.exportSpki(jwk),
      sha256(data) {
        calls.hashes++
        return crypto.sha256(data)
      },
      sha256Base64url(text) {
        calls.hashes++
        return crypto.sha256Base64url(text)
      },
      randomBytes: (length) => crypto.randomBytes(length),
    },
  }
}
