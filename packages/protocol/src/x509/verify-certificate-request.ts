import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import {
  type CryptoBackend,
  type Eventual,
  type VerificationKey,
  whenFailed,
  whenReady,
} from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { CertificateError } from './certificate-error.ts'
import { parseCertificateRequest, type RequestedNames } from './certificate-request.ts'
import { decodeSignature } from './signature-algorithm.ts'
import { parseSpki } from './spki.ts'

/** A request whose sender holds the private key. Who the sender is, it does not say. */
export interface VerifiedCertificateRequest {
  /** SubjectPublicKeyInfo, DER: what `issueX509Svid` takes. */
  readonly publicKeySpki: Uint8Array
  readonly publicJwk: PublicJwk
  /** What the sender asks for. Never a reason to grant it: names come from whoever knows the sender. */
  readonly requestedNames: RequestedNames
}

/**
 * Verifies that whoever made a certificate signing request holds the private key it is for, so that nobody gets a
 * certificate for another's key.
 *
 * @param der PKCS #10, DER
 * @throws CertificateError `ERR_CERTIFICATE_TOO_LARGE`, `ERR_CERTIFICATE_MALFORMED`,
 *   `ERR_CERTIFICATE_DUPLICATE_ATTRIBUTE`, `ERR_CERTIFICATE_DUPLICATE_EXTENSION` as `parseCertificateRequest`
 * @throws CertificateError `ERR_CERTIFICATE_ALGORITHM` for an algorithm that is not supported
 * @throws CertificateError `ERR_CERTIFICATE_KEY` for a key that is weak, not supported, or not one for that algorithm:
 *   ECDSA must use the hash that fits the curve
 * @throws CertificateError `ERR_CERTIFICATE_POSSESSION` when the signature was not made with the key
 * @see RFC 2986 section 3
 */
export function verifyCertificateRequest(
  der: Uint8Array,
  crypto: Pick<CryptoBackend, 'importPublicJwk'>,
): Eventual<VerifiedCertificateRequest> {
  const { info, signatureAlgorithm: alg, signature: encoded, spki, requestedNames } = parseCertificateRequest(der)
  if (alg === undefined) {
    throw new CertificateError('ERR_CERTIFICATE_ALGORITHM', 'signature algorithm is not supported')
  }
  const publicJwk = parseSpki(spki)
  const signature = decodeSignature(alg, encoded)
  if (signature === undefined) throw wrongSignature()
  return whenReady(importKey(publicJwk, alg, crypto), (key) =>
    whenReady(key.verify(info, signature), (isSigned) => {
      // Only `true` is a yes.
      if (isSigned !== true) throw wrongSignature()
      return { publicKeySpki: spki, publicJwk, requestedNames }
    }),
  )
}

function importKey(
  jwk: PublicJwk,
  alg: SignatureAlgorithm,
  crypto: Pick<CryptoBackend, 'importPublicJwk'>,
): Eventual<VerificationKey> {
  try {
    return whenFailed(crypto.importPublicJwk(jwk, alg), rethrow)
  } catch (cause) {
    return rethrow(cause)
  }
}

function rethrow(cause: unknown): never {
  if (!(cause instanceof KeyError)) throw cause
  throw new CertificateError('ERR_CERTIFICATE_KEY', 'request key cannot verify this signature', {
    cause,
    detail: cause.message,
  })
}

function wrongSignature(): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_POSSESSION', 'request was not signed with the key it is for')
}
