import { Buffer } from 'node:buffer'
import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto'
import { algorithmsOf, type SignatureAlgorithm } from '../keys/algorithm.ts'
import type { SigningKey } from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { exportPublicJwk } from './node-crypto.ts'
import { SIGNATURE_SCHEMES, type SignatureScheme } from './signature-schemes.ts'

/** A private key as JSON: the public members and `d` (and for RSA the rest of RFC 7518 section 6.3.2). */
export type PrivateJwk = PublicJwk & { readonly d: string }

/** Where an existing private key comes from. */
export type SigningKeySource = { readonly pkcs8: Uint8Array } | { readonly pem: string } | { readonly jwk: object }

export interface SigningKeyOptions {
  /** Put into `publicJwk` and so into the header of what the key signs. */
  readonly kid?: string
}

/** A private key held by node:crypto. Its text form shows nothing secret. */
export class NodeSigningKey implements SigningKey {
  readonly alg: SignatureAlgorithm
  readonly publicJwk: PublicJwk
  readonly #key: KeyObject
  readonly #scheme: SignatureScheme

  constructor(key: KeyObject, alg: SignatureAlgorithm, options: SigningKeyOptions = {}) {
    const jwk = exportPublicJwk(createPublicKey(key))
    if (!algorithmsOf(jwk).includes(alg)) {
      throw new KeyError('ERR_KEY_ALGORITHM_MISMATCH', 'algorithm does not fit the key', {
        detail: `${alg} on ${jwk.kty}`,
      })
    }
    this.alg = alg
    this.publicJwk = Object.freeze({ ...jwk, alg, ...(options.kid === undefined ? {} : { kid: options.kid }) })
    this.#key = key
    this.#scheme = SIGNATURE_SCHEMES[alg]
  }

  sign(data: Uint8Array): Uint8Array {
    return this.#scheme.sign(this.#key, data)
  }

  signInPool(data: Uint8Array): Promise<Uint8Array> {
    return this.#scheme.signInPool(this.#key, data)
  }

  signDer(data: Uint8Array): Uint8Array {
    return this.#scheme.signDer(this.#key, data)
  }

  /** Unencrypted PKCS#8, DER. Secret. */
  exportPkcs8(): Uint8Array {
    return this.#key.export({ type: 'pkcs8', format: 'der' })
  }

  /** Secret. */
  exportJwk(): PrivateJwk {
    return { ...this.#key.export({ format: 'jwk' }), ...this.publicJwk } as PrivateJwk
  }
}

const RSA_BITS = 2048

/** Makes a new key pair of the kind the algorithm needs. */
export function generateSigningKey(alg: SignatureAlgorithm, options?: SigningKeyOptions): NodeSigningKey {
  return new NodeSigningKey(generatePrivateKey(alg), alg, options)
}

function generatePrivateKey(alg: SignatureAlgorithm): KeyObject {
  switch (alg) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    case 'ES384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    case 'ES512':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey
    case 'EdDSA':
    case 'Ed25519':
      return generateKeyPairSync('ed25519').privateKey
    default:
      return generateKeyPairSync('rsa', { modulusLength: RSA_BITS }).privateKey
  }
}

/**
 * Reads a private key. No message quotes the input.
 *
 * @throws KeyError `ERR_KEY_MALFORMED`, `ERR_KEY_UNSUPPORTED`, `ERR_KEY_WEAK`, `ERR_KEY_ALGORITHM_MISMATCH`
 */
export function importSigningKey(
  source: SigningKeySource,
  alg: SignatureAlgorithm,
  options?: SigningKeyOptions,
): NodeSigningKey {
  return new NodeSigningKey(importPrivateKey(source), alg, options)
}

/** @throws KeyError `ERR_KEY_MALFORMED` */
export function importPrivateKey(source: SigningKeySource): KeyObject {
  try {
    if ('pkcs8' in source) {
      return createPrivateKey({ key: Buffer.from(source.pkcs8), format: 'der', type: 'pkcs8' })
    }
    if ('pem' in source) return createPrivateKey({ key: source.pem, format: 'pem' })
    return createPrivateKey({ key: source.jwk as JsonWebKey, format: 'jwk' })
  } catch {
    // The cause is dropped on purpose: some OpenSSL messages quote their input.
    throw new KeyError('ERR_KEY_MALFORMED', 'private key cannot be read')
  }
}
