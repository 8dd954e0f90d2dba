import { parseTrustDomain } from '../identifier/trust-domain.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { hexSerial } from './build-ca-certificate.ts'
import { caExtensions, keyIdOf } from './ca-extensions.ts'
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { encodeTime } from './certificate-time.ts'
import { authorityKeyIdentifier, subjectKeyIdentifier } from './encode-extensions.ts'
import { encodeName, type NameAttributes } from './name.ts'
import { encodeSerial } from './serial-number.ts'
import { signCertificate } from './sign-certificate.ts'
import { rejectConstrainedSigner, rejectForeignIdentity } from './signer-rules.ts'
import { checkSpki } from './spki.ts'
import { requireOrder, X509Issuer, type X509IssuerSource } from './x509-issuer.ts'

export interface IntermediateRequest {
  /** Signs. */
  readonly issuer: X509IssuerSource
  readonly crypto: Pick<CryptoBackend, 'sha256'>
  /** SubjectPublicKeyInfo of the new CA's key, DER. That somebody holds it is for `verifyCertificateRequest` to check. */
  readonly publicKeySpki: Uint8Array
  /** Without a `serialNumber`, the certificate's own in hexadecimal: CAs of one trust domain never share a name. */
  readonly subject: NameAttributes & { readonly commonName: string }
  /** A SPIFFE trust domain name. */
  readonly trustDomain: string
  /** Epoch seconds, both inclusive. */
  readonly notBefore: number
  readonly notAfter: number
  /** Unsigned, big-endian; `randomSerial` makes one. */
  readonly serial: Uint8Array
  /** How many CAs may follow below the new one. Without it, as many as the issuer leaves. */
  readonly pathLength?: number
}

/**
 * Issues the certificate of a CA below another one: for the same trust domain, for no longer, and with fewer CAs below it.
 *
 * @returns the certificate, DER
 * @throws CertificateError `ERR_CERTIFICATE_PATH_LENGTH` when the issuer may not sign CAs, or not ones with that many below
 * @throws CertificateError `ERR_CERTIFICATE_VALIDITY` when the new CA would outlive its issuer, or end before it begins
 * @throws CertificateError `ERR_CERTIFICATE_SIGNER_IDENTIFIER`, `ERR_CERTIFICATE_NAME_CONSTRAINTS` when the issuer may not
 *   vouch for the trust domain
 * @throws CertificateError `ERR_CERTIFICATE_SUBJECT`, `ERR_CERTIFICATE_SERIAL`, `ERR_CERTIFICATE_KEY`,
 *   `ERR_CERTIFICATE_ALGORITHM`, and those of `X509Issuer`
 * @throws IdentifierError `ERR_IDENTIFIER_*` for a trust domain name that is not one
 * @see RFC 5280 section 4.2, SPIFFE X509-SVID sections 2 and 4
 */
export function issueCaCertificate(request: IntermediateRequest): Eventual<Uint8Array> {
  const { crypto, notBefore, notAfter, publicKeySpki } = request
  const issuer = new X509Issuer(request.issuer).certificate
  const trustDomain = parseTrustDomain(request.trustDomain)
  requireOrder(notBefore, notAfter)
  if (notAfter > issuer.notAfter) {
    throw new CertificateError('ERR_CERTIFICATE_VALIDITY', 'certificate would outlive its issuer')
  }
  // These bytes go into the certificate as they are.
  checkSpki(publicKeySpki)
  rejectForeignIdentity(issuer, `spiffe://${trustDomain}`)
  rejectConstrainedSigner(issuer, trustDomain)
  const pathLength = pathLengthBelow(issuer, request.pathLength)
  const fields = {
    serial: encodeSerial(request.serial),
    issuer: issuer.subject,
    subject: encodeName({ serialNumber: hexSerial(request.serial), ...request.subject }),
    notBefore: encodeTime(notBefore),
    notAfter: encodeTime(notAfter),
    spki: publicKeySpki,
  }
  return whenReady(keyIdOf(publicKeySpki, crypto), (keyId) => {
    const extensions = [...caExtensions(trustDomain, pathLength), subjectKeyIdentifier(keyId)]
    // Without a key identifier in the issuer there is nothing to point to.
    if (issuer.subjectKeyId !== undefined) extensions.push(authorityKeyIdentifier(issuer.subjectKeyId))
    return signCertificate(request.issuer.key, { ...fields, extensions })
  })
}

/** A CA that states more than its issuer leaves would be a promise that verifiers do not keep. */
function pathLengthBelow({ pathLength: own }: Certificate, wanted: number | undefined): number | undefined {
  if (own === undefined) return wanted
  const left = own - 1
  if (left < 0 || (wanted ?? 0) > left) {
    throw new CertificateError('ERR_CERTIFICATE_PATH_LENGTH', 'issuer may not sign CAs with that many below them', {
      detail: `issuer allows ${own}`,
    })
  }
  return wanted ?? left
}
