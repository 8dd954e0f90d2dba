import { type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { CertificateError } from './certificate-error.ts'
import { encodeTime } from './certificate-time.ts'
import { CRL_EXTENSIONS_TAG, MAX_CRL_BYTES } from './crl.ts'
import { REVOCATION_REASONS, type RevocationReason } from './crl-reason.ts'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import { authorityKeyIdentifier, crlNumber, crlReason } from './encode-extensions.ts'
import { encodeSerial } from './serial-number.ts'
import { signTbs } from './sign-certificate.ts'
import { encodeSignatureAlgorithm } from './signature-algorithm.ts'
import { requireOrder, X509Issuer, type X509IssuerSource } from './x509-issuer.ts'

/** One certificate that its issuer has revoked. */
export interface RevokedSerial {
  /** Unsigned, big-endian. */
  readonly serial: Uint8Array
  /** Epoch seconds. */
  readonly revokedAt: number
  readonly reason?: RevocationReason
}

export interface CrlContent {
  readonly issuer: X509IssuerSource
  /** All that are revoked and have not ended. May be empty: then the issuer says that it has revoked nothing. */
  readonly revoked: readonly RevokedSerial[]
  /** Epoch seconds: when it was issued, and when a newer one will have been. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** Greater than that of every earlier list of this issuer. A whole number from 1. */
  readonly number: number
}

/** `INTEGER 1`: version 2. */
const VERSION_2 = encodeElement(DerTag.integer, Uint8Array.of(1))

/**
 * Builds and signs a certificate revocation list, version 2.
 *
 * @returns the list, DER
 * @throws CertificateError `ERR_CERTIFICATE_ISSUER` as `X509Issuer`, and when the issuer may not sign revocation lists or
 *   has no key identifier
 * @throws CertificateError `ERR_CERTIFICATE_TOO_LARGE` when it would be longer than 1 MiB, which no reader takes
 * @throws CertificateError `ERR_CERTIFICATE_VALIDITY`, `ERR_CERTIFICATE_SERIAL`, `ERR_CERTIFICATE_ALGORITHM`
 * @see RFC 5280 section 5
 */
export function buildCrl({ issuer, revoked, thisUpdate, nextUpdate, number }: CrlContent): Eventual<Uint8Array> {
  const { certificate } = new X509Issuer(issuer)
  if (certificate.keyUsage?.has('cRLSign') === false) throw cannotIssue('issuer key may not sign revocation lists')
  if (certificate.subjectKeyId === undefined) throw cannotIssue('issuer certificate has no key identifier')
  if (!Number.isSafeInteger(number) || number < 1) throw new RangeError('CRL number is not a whole number from 1')
  requireOrder(thisUpdate, nextUpdate)
  const extensions = [authorityKeyIdentifier(certificate.subjectKeyId), crlNumber(encodeSerial(bigEndian(number)))]
  const tbs = encodeElement(
    DerTag.sequence,
    VERSION_2,
    encodeSignatureAlgorithm(issuer.key.alg),
    certificate.subject,
    encodeTime(thisUpdate),
    encodeTime(nextUpdate),
    // Left out when there are none: RFC 5280 section 5.1.2.6.
    ...(revoked.length === 0 ? [] : [encodeElement(DerTag.sequence, ...revoked.map(encodeRevoked))]),
    encodeElement(CRL_EXTENSIONS_TAG, encodeElement(DerTag.sequence, ...extensions)),
  )
  return whenReady(signTbs(issuer.key, tbs), (crl) => {
    if (crl.length > MAX_CRL_BYTES) {
      throw new CertificateError('ERR_CERTIFICATE_TOO_LARGE', `revocation list is longer than ${MAX_CRL_BYTES} bytes`)
    }
    return crl
  })
}

function encodeRevoked({ serial, revokedAt, reason }: RevokedSerial): Uint8Array {
  const parts = [encodeSerial(serial), encodeTime(revokedAt)]
  if (reason !== undefined) parts.push(encodeElement(DerTag.sequence, crlReason(REVOCATION_REASONS[reason])))
  return encodeElement(DerTag.sequence, ...parts)
}

function bigEndian(number: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = number; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Uint8Array.from(bytes)
}

function cannotIssue(message: string): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_ISSUER', message)
}
