import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import type { WebAlgorithm } from './web-crypto-api.ts'

/** One JWS algorithm in the terms of the Web Cryptography API, whose signatures have JOSE's form already. */
export interface WebSignatureScheme {
  /** For import. */
  readonly key: WebAlgorithm
  /** For a new key pair. */
  readonly generation: WebAlgorithm
  /** For `sign` and `verify`. */
  readonly signature: WebAlgorithm
  /** Length of a signature in bytes; `undefined` where it is the modulus's. */
  readonly signatureBytes: number | undefined
}

const RSA_BITS = 2048
const RSA_EXPONENT = Uint8Array.of(1, 0, 1)

/** @see RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1; Web Cryptography API, sections 20 to 26 */
export const WEB_SIGNATURE_SCHEMES: Readonly<Record<SignatureAlgorithm, WebSignatureScheme>> = {
  ES256: ecdsa('P-256', 'SHA-256', 32),
  ES384: ecdsa('P-384', 'SHA-384', 48),
  ES512: ecdsa('P-521', 'SHA-512', 66),
  EdDSA: ed25519(),
  Ed25519: ed25519(),
  RS256: rsa('RSASSA-PKCS1-v1_5', 'SHA-256'),
  RS384: rsa('RSASSA-PKCS1-v1_5', 'SHA-384'),
  RS512: rsa('RSASSA-PKCS1-v1_5', 'SHA-512'),
  PS256: rsa('RSA-PSS', 'SHA-256', 32),
  PS384: rsa('RSA-PSS', 'SHA-384', 48),
  PS512: rsa('RSA-PSS', 'SHA-512', 64),
}

function ecdsa(namedCurve: string, hash: string, coordinateBytes: number): WebSignatureScheme {
  const key = { name: 'ECDSA', namedCurve }
  return { key, generation: key, signature: { name: 'ECDSA', hash }, signatureBytes: coordinateBytes * 2 }
}

function ed25519(): WebSignatureScheme {
  const key = { name: 'Ed25519' }
  return { key, generation: key, signature: key, signatureBytes: 64 }
}

function rsa(name: string, hash: string, saltLength?: number): WebSignatureScheme {
  const key = { name, hash }
  return {
    key,
    generation: { ...key, modulusLength: RSA_BITS, publicExponent: RSA_EXPONENT },
    signature: saltLength === undefined ? { name } : { name, saltLength },
    signatureBytes: undefined,
  }
}
