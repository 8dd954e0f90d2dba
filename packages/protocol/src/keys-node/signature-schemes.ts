import { Buffer } from 'node:buffer'
import { constants, type KeyObject, type SignKeyObjectInput, sign, verify } from 'node:crypto'
import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import { decodeEcdsaSignature, encodeEcdsaSignature, MAX_ECDSA_DER_BYTES } from '../keys/ecdsa-signature.ts'

/** One JWS algorithm on node's one-shot `sign` and `verify`, with signatures in JOSE's form. */
export interface SignatureScheme {
  sign(key: KeyObject, data: Uint8Array): Uint8Array
  /** In X.509's form: for ECDSA a DER SEQUENCE, which is what OpenSSL makes. */
  signDer(key: KeyObject, data: Uint8Array): Uint8Array
  verify(key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean
  /** As `sign` and `verify`, on a thread of Node's pool. What is given may be written to again at once. */
  signInPool(key: KeyObject, data: Uint8Array): Promise<Uint8Array>
  verifyInPool(key: KeyObject, data: Uint8Array, signature: Uint8Array): Promise<boolean>
}

/** @see RFC 7518 sections 3.3 to 3.5, RFC 8017 section 8, RFC 8037 section 3.1 */
export const SIGNATURE_SCHEMES: Readonly<Record<SignatureAlgorithm, SignatureScheme>> = {
  ES256: ecdsa('sha256', 32),
  ES384: ecdsa('sha384', 48),
  ES512: ecdsa('sha512', 66),
  EdDSA: ed25519(),
  Ed25519: ed25519(),
  RS256: rsa('sha256', constants.RSA_PKCS1_PADDING),
  RS384: rsa('sha384', constants.RSA_PKCS1_PADDING),
  RS512: rsa('sha512', constants.RSA_PKCS1_PADDING),
  PS256: rsa('sha256', constants.RSA_PKCS1_PSS_PADDING),
  PS384: rsa('sha384', constants.RSA_PKCS1_PSS_PADDING),
  PS512: rsa('sha512', constants.RSA_PKCS1_PSS_PADDING),
}

/** Signatures on their way into OpenSSL: one buffer for all, as each is read before the next is written. */
const derBuffer = Buffer.alloc(MAX_ECDSA_DER_BYTES)

/** Signatures cross node's boundary as DER: its own conversion (`dsaEncoding`) more than doubles the cost of a signature. */
function ecdsa(digest: string, coordinateBytes: number): SignatureScheme {
  const toP1363 = (der: Uint8Array) => {
    // Of node's pool: the memory of a typed array of its own costs as much as the rest of the conversion.
    const p1363 = Buffer.allocUnsafe(coordinateBytes * 2)
    const signature = decodeEcdsaSignature(der, coordinateBytes, p1363)
    if (signature === undefined) throw new TypeError('the crypto library made a signature that is not DER')
    return signature
  }
  return {
    sign: (key, data) => toP1363(sign(digest, data, key)),
    signDer: (key, data) => sign(digest, data, key),
    verify: (key, data, signature) =>
      signature.length === coordinateBytes * 2 && verify(digest, data, key, encodeEcdsaSignature(signature, derBuffer)),
    signInPool: async (key, data) => toP1363(await signInPool(digest, data, key)),
    // Node copies what it hands to another thread, before it returns.
    verifyInPool: async (key, data, signature) =>
      signature.length === coordinateBytes * 2 &&
      verifyInPool(digest, data, key, encodeEcdsaSignature(signature, derBuffer)),
  }
}

type KeyInput = KeyObject | SignKeyObjectInput

function signInPool(digest: string | null, data: Uint8Array, key: KeyInput): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(digest, data, key, (error, signature) => (error === null ? resolve(signature) : reject(error)))
  })
}

function verifyInPool(digest: string | null, data: Uint8Array, key: KeyInput, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(digest, data, key, signature, (error, authentic) => (error === null ? resolve(authentic) : reject(error)))
  })
}

function ed25519(): SignatureScheme {
  return {
    sign: (key, data) => sign(null, data, key),
    signDer: (key, data) => sign(null, data, key),
    verify: (key, data, signature) => signature.length === 64 && verify(null, data, key, signature),
    signInPool: (key, data) => signInPool(null, data, key),
    verifyInPool: async (key, data, signature) => signature.length === 64 && verifyInPool(null, data, key, signature),
  }
}

function rsa(digest: string, padding: number): SignatureScheme {
  // PKCS #1 v1.5 is what node takes for an RSA key by itself. Naming it costs as much as half a verification.
  const salt = { padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  const input =
    padding === constants.RSA_PKCS1_PADDING ? (key: KeyObject) => key : (key: KeyObject) => ({ key, ...salt })
  const signRsa = (key: KeyObject, data: Uint8Array) => sign(digest, data, input(key))
  return {
    sign: signRsa,
    signDer: signRsa,
    // OpenSSL takes a PSS signature without its leading zero bytes too, which would be a second spelling of one token.
    verify: (key, data, signature) =>
      signature.length === modulusBytes(key) && verify(digest, data, input(key), signature),
    signInPool: (key, data) => signInPool(digest, data, input(key)),
    verifyInPool: async (key, data, signature) =>
      signature.length === modulusBytes(key) && verifyInPool(digest, data, input(key), signature),
  }
}

function modulusBytes(key: KeyObject): number {
  return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
}
