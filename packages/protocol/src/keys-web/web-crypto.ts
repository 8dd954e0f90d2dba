import { decodeBase64url, encodeBase64url } from '../encoding/base64url.ts'
import { encodeUtf8 } from '../encoding/text.ts'
import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import type { CryptoBackend, VerificationKey } from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import { isMlDsaAlgorithm, type TokenAlgorithm } from '../keys/ml-dsa.ts'
import { fitsAlgorithm, type PublicJwk, parsePublicJwk } from '../keys/public-jwk.ts'
import { requirePointOnCurve } from './curve-point.ts'
import { isCanonicalEd25519Signature } from './ed25519-scalar.ts'
import { encodeSpki } from './encode-spki.ts'
import { readSpki } from './read-spki.ts'
import { WEB_SIGNATURE_SCHEMES } from './signature-schemes.ts'
import { isUnsupportedByRuntime, runtimeCrypto, type WebKey } from './web-crypto-api.ts'

/** What one call of `getRandomValues` may fill. Web Cryptography API, section 10.1.1. */
const MAX_RANDOM_BYTES = 65_536

/**
 * The backend on the Web Cryptography API, for every runtime that has it: Deno, Bun, edge workers, browsers, Node. It
 * answers with promises, and imports nothing of any runtime.
 */
export const webCrypto = {
  async importPublicJwk(jwk: PublicJwk, alg: TokenAlgorithm): Promise<WebVerificationKey> {
    const supported = requireWebAlgorithm(alg)
    return importVerificationKey(checkedPublicJwk(jwk, supported), supported)
  },

  async importSpki(spki: Uint8Array, alg: SignatureAlgorithm): Promise<WebVerificationKey> {
    return importVerificationKey(checkedPublicJwk(readSpki(spki), alg), alg)
  },

  async exportSpki(jwk: PublicJwk): Promise<Uint8Array> {
    return encodeSpki(checkedPublicJwk(jwk))
  },

  async sha256(data: Uint8Array | string): Promise<Uint8Array> {
    return hash('SHA-256', typeof data === 'string' ? encodeUtf8(data) : data)
  },

  async sha256Base64url(text: string): Promise<string> {
    return encodeBase64url(await hash('SHA-256', encodeUtf8(text)))
  },

  async digest(algorithm: 'sha-256' | 'sha-512', data: Uint8Array): Promise<Uint8Array> {
    return hash(algorithm === 'sha-256' ? 'SHA-256' : 'SHA-512', data)
  },

  randomBytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let start = 0; start < length; start += MAX_RANDOM_BYTES) {
      runtimeCrypto().getRandomValues(bytes.subarray(start, start + MAX_RANDOM_BYTES))
    }
    return bytes
  },
} satisfies CryptoBackend

/** Verifies through the runtime. Whatever the runtime makes of a signature that is none, the answer is `false`. */
export class WebVerificationKey implements VerificationKey {
  readonly alg: SignatureAlgorithm
  readonly #key: WebKey
  readonly #signatureBytes: number

  constructor(key: WebKey, alg: SignatureAlgorithm, signatureBytes: number) {
    this.alg = alg
    this.#key = key
    this.#signatureBytes = signatureBytes
  }

  async verify(data: Uint8Array, signature: Uint8Array): Promise<boolean> {
    // A signature has one spelling: some libraries take one without its leading zero bytes, or with a larger scalar.
    if (signature.length !== this.#signatureBytes) return false
    const { key, signature: parameters } = WEB_SIGNATURE_SCHEMES[this.alg]
    if (key['name'] === 'Ed25519' && !isCanonicalEd25519Signature(signature)) return false
    try {
      return (await runtimeCrypto().subtle.verify(parameters, this.#key, signature, data)) === true
    } catch {
      return false
    }
  }
}

/**
 * Every check of a public key that does not need the runtime, so that all runtimes refuse the same keys.
 *
 * @throws KeyError `ERR_KEY_*`
 */
export function checkedPublicJwk(jwk: PublicJwk, alg?: SignatureAlgorithm): PublicJwk {
  if (alg !== undefined && !fitsAlgorithm(jwk, alg)) {
    throw new KeyError('ERR_KEY_ALGORITHM_MISMATCH', 'algorithm does not fit the key', {
      detail: `${alg} on ${jwk.kty}`,
    })
  }
  const checked = parsePublicJwk(jwk)
  if (checked.kty === 'EC') requirePointOnCurve(checked)
  return checked
}

/** @param jwk from {@link checkedPublicJwk} */
export async function importVerificationKey(jwk: PublicJwk, alg: SignatureAlgorithm): Promise<WebVerificationKey> {
  const { key: algorithm, signatureBytes } = WEB_SIGNATURE_SCHEMES[alg]
  const { subtle } = runtimeCrypto()
  try {
    const key = await subtle.importKey('jwk', keyMembers(jwk), algorithm, true, ['verify'])
    return new WebVerificationKey(key, alg, signatureBytes ?? decodeBase64url(jwk.n ?? '').length)
  } catch (cause) {
    if (isUnsupportedByRuntime(cause)) throw lackingRuntime(alg, cause)
    throw new KeyError('ERR_KEY_MALFORMED', 'key is not a valid public key', { cause })
  }
}

export function lackingRuntime(alg: SignatureAlgorithm, cause: unknown): KeyError {
  return new KeyError('ERR_KEY_RUNTIME', `runtime has no ${alg}`, { cause })
}

/** The key alone: `alg`, `use` and `key_ops` were judged already, and runtimes differ in what they make of them. */
function keyMembers({ kty, crv, x, y, n, e }: PublicJwk): object {
  switch (kty) {
    case 'EC':
      return { kty, crv, x, y }
    case 'OKP':
      return { kty, crv, x }
    default:
      return { kty, n, e }
  }
}

function requireWebAlgorithm(alg: TokenAlgorithm): SignatureAlgorithm {
  if (!isMlDsaAlgorithm(alg)) return alg
  throw new KeyError('ERR_KEY_UNSUPPORTED', 'backend has no ML-DSA', { detail: alg })
}

async function hash(algorithm: string, data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await runtimeCrypto().subtle.digest(algorithm, data))
}
