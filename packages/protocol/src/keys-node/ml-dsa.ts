import { Buffer } from 'node:buffer'
import { createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject, sign, verify } from 'node:crypto'
import type { SigningKey, VerificationKey } from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import { ML_DSA_SIZES, type MlDsaAlgorithm } from '../keys/ml-dsa.ts'
import { type PublicJwk, parsePublicJwk } from '../keys/public-jwk.ts'
import { importPrivateKey, type SigningKeyOptions, type SigningKeySource } from './signing-key.ts'

/** The first release whose node:crypto has ML-DSA, and its keys as JWK. */
const FIRST_NODE = '24.6'

const KEY_TYPES = { 'ML-DSA-44': 'ml-dsa-44', 'ML-DSA-65': 'ml-dsa-65', 'ML-DSA-87': 'ml-dsa-87' } as const

/** Verifies ML-DSA signatures: pure, with an empty context. @see draft-ietf-cose-dilithium, FIPS 204 section 5.3 */
export class NodeMlDsaVerificationKey implements VerificationKey {
  readonly alg: MlDsaAlgorithm
  readonly #key: KeyObject

  constructor(key: KeyObject, alg: MlDsaAlgorithm) {
    this.alg = alg
    this.#key = key
  }

  verify(data: Uint8Array, signature: Uint8Array): boolean {
    return signature.length === ML_DSA_SIZES[this.alg].signature && verify(null, data, this.#key, signature)
  }
}

/** A private ML-DSA key held by node:crypto. Its text form shows nothing secret. */
export class NodeMlDsaSigningKey implements SigningKey<MlDsaAlgorithm> {
  readonly alg: MlDsaAlgorithm
  readonly publicJwk: PublicJwk
  readonly #key: KeyObject

  constructor(key: KeyObject, alg: MlDsaAlgorithm, options: SigningKeyOptions = {}) {
    if (key.asymmetricKeyType !== KEY_TYPES[alg]) throw mismatch(alg)
    const jwk = parsePublicJwk(createPublicKey(key).export({ format: 'jwk' }), [alg])
    this.alg = alg
    this.publicJwk = Object.freeze({ ...jwk, ...(options.kid === undefined ? {} : { kid: options.kid }) })
    this.#key = key
  }

  sign(data: Uint8Array): Uint8Array {
    return sign(null, data, this.#key)
  }

  /** Unencrypted PKCS#8, DER. Secret. */
  exportPkcs8(): Uint8Array {
    return this.#key.export({ type: 'pkcs8', format: 'der' })
  }

  /** `priv` is the seed. Secret. */
  exportJwk(): PublicJwk & { readonly priv: string } {
    return { ...this.#key.export({ format: 'jwk' }), ...this.publicJwk } as PublicJwk & { priv: string }
  }
}

/** @throws KeyError `ERR_KEY_RUNTIME` on a Node without ML-DSA */
export function generateMlDsaSigningKey(alg: MlDsaAlgorithm, options?: SigningKeyOptions): NodeMlDsaSigningKey {
  requireMlDsaRuntime()
  return new NodeMlDsaSigningKey(generateMlDsaKey(alg), alg, options)
}

/**
 * Reads a private ML-DSA key. No message quotes the input.
 *
 * @throws KeyError `ERR_KEY_MALFORMED`, `ERR_KEY_ALGORITHM_MISMATCH`; `ERR_KEY_RUNTIME` on a Node without ML-DSA
 */
export function importMlDsaSigningKey(
  source: SigningKeySource,
  alg: MlDsaAlgorithm,
  options?: SigningKeyOptions,
): NodeMlDsaSigningKey {
  requireMlDsaRuntime()
  return new NodeMlDsaSigningKey(importPrivateKey(source), alg, options)
}

/** @throws KeyError `ERR_KEY_MALFORMED`, `ERR_KEY_ALGORITHM_MISMATCH` */
export function importMlDsaPublicJwk(jwk: PublicJwk, alg: MlDsaAlgorithm): NodeMlDsaVerificationKey {
  if (jwk.kty !== 'AKP' || jwk.alg !== alg) throw mismatch(alg)
  const { kty, pub } = parsePublicJwk(jwk, [alg])
  return new NodeMlDsaVerificationKey(importAkp({ kty, alg, pub }), alg)
}

/**
 * @param works for tests; what the runtime says when it is asked to read a key
 * @throws KeyError `ERR_KEY_RUNTIME`, whose message says which Node has ML-DSA
 */
export function requireMlDsaRuntime(works: () => unknown = probe): void {
  try {
    works()
  } catch (cause) {
    throw new KeyError('ERR_KEY_RUNTIME', `ML-DSA needs Node ${FIRST_NODE} or later, built with OpenSSL 3.5`, { cause })
  }
}

/** Any bytes of the right length are a public key. */
function probe(): void {
  const pub = Buffer.alloc(ML_DSA_SIZES['ML-DSA-44'].publicKey).toString('base64url')
  createPublicKey({ key: { kty: 'AKP', alg: 'ML-DSA-44', pub }, format: 'jwk' })
}

function importAkp(jwk: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch (cause) {
    throw new KeyError('ERR_KEY_MALFORMED', 'key is not a valid public key', { cause })
  }
}

function generateMlDsaKey(alg: MlDsaAlgorithm): KeyObject {
  switch (alg) {
    case 'ML-DSA-44':
      return generateKeyPairSync('ml-dsa-44').privateKey
    case 'ML-DSA-65':
      return generateKeyPairSync('ml-dsa-65').privateKey
    case 'ML-DSA-87':
      return generateKeyPairSync('ml-dsa-87').privateKey
  }
}

function mismatch(alg: MlDsaAlgorithm): KeyError {
  return new KeyError('ERR_KEY_ALGORITHM_MISMATCH', 'algorithm does not fit the key', {
    detail: `${alg} on another key`,
  })
}
