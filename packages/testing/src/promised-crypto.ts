import type { CryptoBackend, SigningKey, VerificationKey } from '@countersign/protocol'

/**
 * The same cryptography, but every answer comes as a promise, as from WebCrypto or a key server: for tests that code
 * works with both kinds of backend.
 */
export function promisedCrypto(crypto: CryptoBackend): CryptoBackend {
  const { digest } = crypto
  return {
    ...(digest === undefined ? {} : { digest: async (algorithm, data) => digest.call(crypto, algorithm, data) }),
    importPublicJwk: async (jwk, alg) => promisedKey(await crypto.importPublicJwk(jwk, alg)),
    importSpki: async (spki, alg) => promisedKey(await crypto.importSpki(spki, alg)),
    exportSpki: async (jwk) => crypto.exportSpki(jwk),
    sha256: async (data) => crypto.sha256(data),
    sha256Base64url: async (text) => crypto.sha256Base64url(text),
    randomBytes: (length) => crypto.randomBytes(length),
  }
}

/** The same signing key, answering with promises. */
export function promisedSigningKey(key: SigningKey): SigningKey {
  return { alg: key.alg, publicJwk: key.publicJwk, sign: async (data) => key.sign(data) }
}

function promisedKey(key: VerificationKey): VerificationKey {
  return { alg: key.alg, verify: async (data, signature) => key.verify(data, signature) }
}
