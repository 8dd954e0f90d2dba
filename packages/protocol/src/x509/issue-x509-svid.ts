import type { WorkloadId } from '../identifier/workload-id.ts'
import type { Eventual } from '../keys/crypto-backend.ts'
import { CertificateError } from './certificate-error.ts'
import { checkDnsNames, type DnsNameRules } from './dns-name.ts'
import { extendedKeyUsage } from './encode-extensions.ts'
import { leafSubject } from './leaf-subject.ts'
import { Oid } from './oid.ts'
import { subjectAltName } from './subject-alt-name.ts'
import { X509Issuer, type X509IssuerSource } from './x509-issuer.ts'

export interface X509SvidRequest extends DnsNameRules {
  /** Keep an `X509Issuer` and pass it: the plain form is parsed and checked in each call. */
  readonly issuer: X509Issuer | X509IssuerSource
  /** SubjectPublicKeyInfo of the workload's key, DER. That it holds the key is for `verifyCertificateRequest` to check. */
  readonly publicKeySpki: Uint8Array
  readonly subject: WorkloadId
  /** Epoch seconds, both inclusive. */
  readonly notBefore: number
  readonly notAfter: number
  /** Unsigned, big-endian; `randomSerial` makes one. */
  readonly serial: Uint8Array
  readonly dnsNames?: readonly string[]
  readonly commonName?: string
}

const SVID_KEY_USAGE = extendedKeyUsage(Oid.serverAuth, Oid.clientAuth)

/**
 * Issues an X509-SVID, which is also a Workload Identity Certificate: the identifier as its only URI, valid for both
 * sides of TLS, never for signing certificates.
 *
 * @returns the certificate, DER
 * @throws CertificateError `ERR_CERTIFICATE_SUBJECT` when the issuer's own URI names another trust domain, or the
 *   common name cannot be encoded
 * @throws CertificateError `ERR_CERTIFICATE_DNS_NAME`, `ERR_CERTIFICATE_VALIDITY`, `ERR_CERTIFICATE_SERIAL`,
 *   `ERR_CERTIFICATE_KEY`, and those of `X509Issuer`
 * @see SPIFFE X509-SVID sections 2 to 4; draft-ietf-wimse-workload-creds, "Workload Identity Certificate"
 */
export function issueX509Svid(request: X509SvidRequest): Eventual<Uint8Array> {
  const { subject, dnsNames = [], commonName } = request
  const issuer = X509Issuer.from(request.issuer)
  rejectForeignTrustDomain(issuer, subject)
  checkDnsNames(dnsNames, request)
  return issuer.issueLeaf({
    serial: request.serial,
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    subject: leafSubject(commonName),
    publicKeySpki: request.publicKeySpki,
    extensions: [SVID_KEY_USAGE, subjectAltName({ uris: [subject.toString()], dnsNames })],
  })
}

/** A verifier would refuse such a certificate; refusing to make it keeps a mix-up of issuers from going unseen. */
function rejectForeignTrustDomain(issuer: X509Issuer, subject: WorkloadId): void {
  const { uriSans } = issuer.certificate
  if (uriSans.length > 0 && !uriSans.includes(subject.origin)) {
    throw new CertificateError('ERR_CERTIFICATE_SUBJECT', 'subject is not of the trust domain of its issuer', {
      detail: `subject of ${subject.origin}`,
    })
  }
}
