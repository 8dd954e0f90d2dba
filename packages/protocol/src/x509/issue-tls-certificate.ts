import type { Eventual } from '../keys/crypto-backend.ts'
import { CertificateError } from './certificate-error.ts'
import { checkDnsNames, type DnsNameRules } from './dns-name.ts'
import { extendedKeyUsage } from './encode-extensions.ts'
import { parseIpAddress } from './ip-address.ts'
import { leafSubject } from './leaf-subject.ts'
import { Oid } from './oid.ts'
import { subjectAltName } from './subject-alt-name.ts'
import { X509Issuer, type X509IssuerSource } from './x509-issuer.ts'

export interface TlsCertificateRequest extends DnsNameRules {
  readonly issuer: X509Issuer | X509IssuerSource
  /** SubjectPublicKeyInfo of the server's key, DER. */
  readonly publicKeySpki: Uint8Array
  /** May be empty when there are IP addresses. */
  readonly dnsNames: readonly string[]
  /** IPv4 or IPv6, as text. */
  readonly ipAddresses?: readonly string[]
  /** Epoch seconds, both inclusive. */
  readonly notBefore: number
  readonly notAfter: number
  /** Unsigned, big-endian; `randomSerial` makes one. */
  readonly serial: Uint8Array
}

const SERVER_KEY_USAGE = extendedKeyUsage(Oid.serverAuth)

/**
 * Issues a certificate for a web server that is checked by host name. It has no URI, so it is nobody's workload
 * identity.
 *
 * @returns the certificate, DER
 * @throws CertificateError `ERR_CERTIFICATE_DNS_NAME` also when there is neither a name nor an address
 * @throws CertificateError `ERR_CERTIFICATE_IP_ADDRESS`, `ERR_CERTIFICATE_VALIDITY`, `ERR_CERTIFICATE_SERIAL`,
 *   `ERR_CERTIFICATE_KEY`, and those of `X509Issuer`
 * @see RFC 9525 section 6
 */
export function issueTlsCertificate(request: TlsCertificateRequest): Eventual<Uint8Array> {
  const { dnsNames } = request
  checkDnsNames(dnsNames, request)
  const ipAddresses = (request.ipAddresses ?? []).map(parseIpAddress)
  if (dnsNames.length + ipAddresses.length === 0) {
    throw new CertificateError('ERR_CERTIFICATE_DNS_NAME', 'server certificate has neither a name nor an address')
  }
  return X509Issuer.from(request.issuer).issueLeaf({
    serial: request.serial,
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    subject: leafSubject(),
    publicKeySpki: request.publicKeySpki,
    extensions: [SERVER_KEY_USAGE, subjectAltName({ dnsNames, ipAddresses })],
  })
}
