import { parseTrustDomain } from '../identifier/trust-domain.ts'
import { type CryptoBackend, type Eventual, type SigningKey, whenReady } from '../keys/crypto-backend.ts'
import { caExtensions, keyIdOf } from './ca-extensions.ts'
import { encodeTime } from './certificate-time.ts'
import { authorityKeyIdentifier, subjectKeyIdentifier } from './encode-extensions.ts'
import { encodeName, type NameAttributes } from './name.ts'
import { encodeSerial } from './serial-number.ts'
import { signCertificate } from './sign-certificate.ts'
import { requireOrder } from './x509-issuer.ts'

export interface CaCertificateRequest {
  /** Signs, and is what the certificate certifies. */
  readonly key: SigningKey
  readonly crypto: Pick<CryptoBackend, 'exportSpki' | 'sha256'>
  /** Without a `serialNumber`, the certificate's own in hexadecimal: roots of one trust domain never share a name. */
  readonly subject: NameAttributes & { readonly commonName: string }
  /** A SPIFFE trust domain name. */
  readonly trustDomain: string
  /** Epoch seconds, both inclusive. */
  readonly notBefore: number
  readonly notAfter: number
  /** Unsigned, big-endian; `randomSerial` makes one. */
  readonly serial: Uint8Array
}

/**
 * Builds the self-signed root of a SPIFFE trust domain. It may sign leaf certificates and revocation lists, and, because
 * its path length is not limited, further CAs.
 *
 * @returns the certificate, DER
 * @throws CertificateError `ERR_CERTIFICATE_SUBJECT`, `ERR_CERTIFICATE_SERIAL`, `ERR_CERTIFICATE_VALIDITY`,
 *   `ERR_CERTIFICATE_ALGORITHM`
 * @throws IdentifierError `ERR_IDENTIFIER_*` for a trust domain name that is not one
 * @see RFC 5280 section 4.2, SPIFFE X509-SVID sections 2 and 4
 */
export function buildCaCertificate(request: CaCertificateRequest): Eventual<Uint8Array> {
  const { key, crypto, notBefore, notAfter } = request
  requireOrder(notBefore, notAfter)
  const trustDomain = parseTrustDomain(request.trustDomain)
  const name = encodeName({ serialNumber: hexSerial(request.serial), ...request.subject })
  const fields = {
    serial: encodeSerial(request.serial),
    issuer: name,
    subject: name,
    notBefore: encodeTime(notBefore),
    notAfter: encodeTime(notAfter),
  }
  return whenReady(crypto.exportSpki(key.publicJwk), (spki) =>
    whenReady(keyIdOf(spki, crypto), (keyId) => {
      const extensions = [
        ...caExtensions(trustDomain, undefined),
        subjectKeyIdentifier(keyId),
        authorityKeyIdentifier(keyId),
      ]
      return signCertificate(key, { ...fields, spki, extensions })
    }),
  )
}

export function hexSerial(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
