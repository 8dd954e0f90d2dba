import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import {
  type CryptoBackend,
  type Eventual,
  type VerificationKey,
  whenFailed,
  whenReady,
} from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { decodeSignature } from './signature-algorithm.ts'
import { parseSpki } from './spki.ts'

/** What was signed, and how: of a certificate or a revocation list. */
export type Signed = Pick<Certificate, 'tbs' | 'signature' | 'signatureAlgorithm'>

/** A certificate that may have signed others. Its key is imported when first needed, and kept. */
export class Signer {
  readonly certificate: Certificate
  readonly #crypto: CryptoBackend
  /** An RSA key has one entry for each hash it was used with; any other key has one. */
  readonly #keys = new Map<SignatureAlgorithm, VerificationKey>()

  constructor(certificate: Certificate, crypto: CryptoBackend) {
    this.certificate = certificate
    this.#crypto = crypto
  }

  /**
   * Whether this signer's key made the signature of `child`.
   *
   * @throws CertificateError `ERR_CERTIFICATE_ALGORITHM` when the signature's algorithm is not supported
   * @throws CertificateError `ERR_CERTIFICATE_KEY` when the key is not supported, or not one for that algorithm: ECDSA
   *   must use the hash that fits the curve
   * @throws CertificateError `ERR_CERTIFICATE_MALFORMED` for a signature that is not DER
   */
  hasSigned(child: Signed): Eventual<boolean> {
    const alg = child.signatureAlgorithm
    if (alg === undefined) {
      throw new CertificateError('ERR_CERTIFICATE_ALGORITHM', 'signature algorithm is not supported')
    }
    const signature = decodeSignature(alg, child.signature)
    if (signature === undefined) return false
    return whenReady(this.#key(alg), (key) => key.verify(child.tbs, signature))
  }

  #key(alg: SignatureAlgorithm): Eventual<VerificationKey> {
    const known = this.#keys.get(alg)
    if (known !== undefined) return known
    return whenReady(importKey(this.certificate, alg, this.#crypto), (key) => {
      this.#keys.set(alg, key)
      return key
    })
  }
}

/** As a JWK: one set of rules for all public keys, and faster than importing a SubjectPublicKeyInfo. */
function importKey(
  certificate: Certificate,
  alg: SignatureAlgorithm,
  crypto: CryptoBackend,
): Eventual<VerificationKey> {
  const jwk = parseSpki(certificate.spki)
  try {
    const key = crypto.importPublicJwk(jwk, alg)
    return whenFailed(key, rethrow)
  } catch (cause) {
    return rethrow(cause)
  }
}

function rethrow(cause: unknown): never {
  if (!(cause instanceof KeyError)) throw cause
  throw new CertificateError('ERR_CERTIFICATE_KEY', 'issuer key cannot verify this signature', {
    cause,
    detail: cause.message,
  })
}
