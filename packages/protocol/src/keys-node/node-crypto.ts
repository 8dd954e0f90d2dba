import { Buffer } from 'node:buffer'
import { createPublicKey, hash, type JsonWebKey, type KeyObject, randomFillSync } from 'node:crypto'
import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import type { CryptoBackend, VerificationKey } from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import { isMlDsaAlgorithm, type TokenAlgorithm } from '../keys/ml-dsa.ts'
import { fitsAlgorithm, type PublicJwk, parsePublicJwk } from '../keys/public-jwk.ts'
import { nodeCodec } from './node-codec.ts'
import { SIGNATURE_SCHEMES, type SignatureScheme } from './signature-schemes.ts'

/** Random bytes are drawn in one larger piece: each call of the operating system costs as much as half a signature. */
const POOL_BYTES = 4096
const pool = new Uint8Array(POOL_BYTES)
let poolUsed = POOL_BYTES

const HASH_NAMES = { 'sha-256': 'sha256', 'sha-512': 'sha512' } as const

/** The synchronous backend on node:crypto: plain values, no promises. */
export const nodeCrypto = {
  codec: nodeCodec,

  importPublicJwk(jwk: PublicJwk, alg: TokenAlgorithm): NodeVerificationKey {
    if (isMlDsaAlgorithm(alg)) {
      throw new KeyError('ERR_KEY_UNSUPPORTED', 'backend was not told to use ML-DSA', { detail: alg })
    }
    requireFit(jwk, alg)
    // Only here, where the sizes that decide about strength are not the curve's: a caller may have skipped the parser.
    if (jwk.kty === 'RSA') parsePublicJwk(jwk)
    return new NodeVerificationKey(importJwk(jwk), alg)
  },

  importSpki(spki: Uint8Array, alg: SignatureAlgorithm): NodeVerificationKey {
    const key = importDer(spki)
    requireFit(exportPublicJwk(key), alg)
    return new NodeVerificationKey(key, alg)
  },

  exportSpki(jwk: PublicJwk): Uint8Array {
    return importJwk(jwk).export({ type: 'spki', format: 'der' })
  },

  sha256(data: Uint8Array | string): Uint8Array {
    return hash('sha256', data, 'buffer')
  },

  sha256Base64url(text: string): string {
    return hash('sha256', text, 'base64url')
  },

  digest(algorithm: 'sha-256' | 'sha-512', data: Uint8Array): Uint8Array {
    // By way of text into node's pool: memory of its own costs as much as the hash of a small body.
    return Buffer.from(hash(HASH_NAMES[algorithm], data, 'binary'), 'binary')
  },

  digestBase64(algorithm: 'sha-256' | 'sha-512', data: Uint8Array): string {
    return hash(HASH_NAMES[algorithm], data, 'base64')
  },

  randomBytes(length: number): Uint8Array {
    if (length > POOL_BYTES / 4) return randomFillSync(new Uint8Array(length))
    if (poolUsed + length > POOL_BYTES) {
      randomFillSync(pool)
      poolUsed = 0
    }
    const bytes = pool.slice(poolUsed, poolUsed + length)
    // What was handed out is wiped, so that no later reader of this memory learns it.
    pool.fill(0, poolUsed, poolUsed + length)
    poolUsed += length
    return bytes
  },
} satisfies CryptoBackend

/** Verifies through node's one-shot `verify`, the fastest path it has. */
export class NodeVerificationKey implements VerificationKey {
  readonly alg: SignatureAlgorithm
  readonly #key: KeyObject
  readonly #scheme: SignatureScheme

  constructor(key: KeyObject, alg: SignatureAlgorithm) {
    this.alg = alg
    this.#key = key
    this.#scheme = SIGNATURE_SCHEMES[alg]
  }

  verify(data: Uint8Array, signature: Uint8Array): boolean {
    return this.#scheme.verify(this.#key, data, signature)
  }

  verifyInPool(data: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return this.#scheme.verifyInPool(this.#key, data, signature)
  }
}

/**
 * The public half of a key object as a JWK without `alg` and `kid`.
 *
 * @throws KeyError `ERR_KEY_UNSUPPORTED`, `ERR_KEY_WEAK`: whatever form a key comes in, the same keys are refused
 */
export function exportPublicJwk(key: KeyObject): PublicJwk {
  return parsePublicJwk(exportJwk(key))
}

function exportJwk(key: KeyObject): JsonWebKey {
  try {
    return key.export({ format: 'jwk' })
  } catch (cause) {
    // DSA, RSA restricted to PSS, small curves: kinds that have no JWK at all.
    throw new KeyError('ERR_KEY_UNSUPPORTED', 'key type or curve is not supported', { cause })
  }
}

function importJwk(jwk: PublicJwk): KeyObject {
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  } catch (cause) {
    throw new KeyError('ERR_KEY_MALFORMED', 'key is not a valid public key', { cause })
  }
}

function importDer(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch (cause) {
    throw new KeyError('ERR_KEY_MALFORMED', 'key is not a valid public key', { cause })
  }
}

function requireFit(jwk: PublicJwk, alg: SignatureAlgorithm): void {
  if (!fitsAlgorithm(jwk, alg)) {
    throw new KeyError('ERR_KEY_ALGORITHM_MISMATCH', 'algorithm does not fit the key', {
      detail: `${alg} on ${jwk.kty}`,
    })
  }
}
