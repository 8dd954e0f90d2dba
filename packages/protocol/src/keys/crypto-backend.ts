import type { Codec } from '../encoding/codec.ts'
import type { SignatureAlgorithm } from './algorithm.ts'
import type { TokenAlgorithm } from './ml-dsa.ts'
import type { PublicJwk } from './public-jwk.ts'

/**
 * A value now or later. A synchronous backend returns plain values, so that its users never pay for a promise;
 * callers write `await`, which accepts both.
 */
export type Eventual<T> = T | Promise<T>

/**
 * Signs with one private key under one algorithm. ECDSA signatures are P1363: r and s of equal length.
 *
 * Without a type argument it is a key that may sign anything here. A key with an algorithm that must be named is
 * `SigningKey<TokenAlgorithm>`, which only what issues and proves plain WITs takes: never a certificate or an SVID.
 */
export interface SigningKey<Alg extends TokenAlgorithm = SignatureAlgorithm> {
  readonly alg: Alg
  /** Carries `alg`; `kid` when the key has a name. */
  readonly publicJwk: PublicJwk
  sign(data: Uint8Array): Eventual<Uint8Array>
  /** The same in X.509's form (for ECDSA a DER SEQUENCE), where the key has it without a conversion. */
  signDer?(data: Uint8Array): Eventual<Uint8Array>
  /** As `sign`, on another thread, where the key has one: for servers that have more to do meanwhile. */
  signInPool?(data: Uint8Array): Promise<Uint8Array>
}

/** Verifies with one public key under one algorithm. A wrong signature is `false`, never an exception. */
export interface VerificationKey {
  readonly alg: TokenAlgorithm
  verify(data: Uint8Array, signature: Uint8Array): Eventual<boolean>
}

/**
 * The cryptography that `protocol` is given instead of importing: key import, hashing, randomness.
 * `@countersign/protocol/keys-node` is the synchronous one, `@countersign/protocol/keys-web` the one for every runtime
 * that has WebCrypto.
 */
export interface CryptoBackend {
  /**
   * @throws KeyError `ERR_KEY_MALFORMED` when the point, modulus or length is not a valid key of that type
   * @throws KeyError `ERR_KEY_WEAK`, `ERR_KEY_ALGORITHM_MISMATCH`
   * @throws KeyError `ERR_KEY_UNSUPPORTED` for ML-DSA where the backend was not told to have it
   * @throws KeyError `ERR_KEY_RUNTIME` when the runtime's cryptography lacks the algorithm
   */
  importPublicJwk(jwk: PublicJwk, alg: TokenAlgorithm): Eventual<VerificationKey>
  /**
   * DER SubjectPublicKeyInfo.
   *
   * @throws KeyError `ERR_KEY_MALFORMED`, `ERR_KEY_UNSUPPORTED`, `ERR_KEY_WEAK`, `ERR_KEY_ALGORITHM_MISMATCH`
   */
  importSpki(spki: Uint8Array, alg: SignatureAlgorithm): Eventual<VerificationKey>
  /** DER SubjectPublicKeyInfo of a public key. */
  exportSpki(jwk: PublicJwk): Eventual<Uint8Array>
  /** SHA-256 of the bytes; a string counts as its UTF-8 bytes. 32 bytes. */
  sha256(data: Uint8Array | string): Eventual<Uint8Array>
  /** Unpadded base64url of the SHA-256 of a string's UTF-8 bytes: 43 characters. */
  sha256Base64url(text: string): Eventual<string>
  /** Hash of the bytes. Without it, message content can be held against SHA-256 only. */
  digest?(algorithm: 'sha-256' | 'sha-512', data: Uint8Array): Eventual<Uint8Array>
  /** The same as padded base64, where the backend has it without a detour. */
  digestBase64?(algorithm: 'sha-256' | 'sha-512', data: Uint8Array): Eventual<string>
  /** The runtime's own codec, where it has one that is faster than the portable one. */
  readonly codec?: Codec
  /** Cryptographically strong random bytes. */
  randomBytes(length: number): Uint8Array
}

/**
 * Whether a value has yet to come. By shape, not by class: a promise of another realm, or of a library, taken for a value
 * would be taken for `true`.
 */
export function isLater<T>(value: Eventual<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | undefined | null)?.then === 'function'
}

/** Hands the failure of a value that has yet to come to `recover`. A failure at once was thrown already. */
export function whenFailed<T>(value: Eventual<T>, recover: (error: unknown) => Eventual<T>): Eventual<T> {
  // By way of a promise of our own: a library's may have `then` and nothing else.
  return isLater(value) ? Promise.resolve(value).then(undefined, recover) : value
}

/** Runs `next` at once on a value and after resolution on a promise: one code path for both kinds of backend. */
export function whenReady<T, U>(value: Eventual<T>, next: (value: T) => Eventual<U>): Eventual<U> {
  return isLater(value) ? Promise.resolve(value).then(next) : next(value)
}
