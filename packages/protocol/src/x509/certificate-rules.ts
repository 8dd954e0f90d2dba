import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { Oid } from './oid.ts'

/** A side of TLS that a certificate is used for. */
export type TlsUsage = 'serverAuth' | 'clientAuth'

/** When to judge validity. */
export interface VerificationTime {
  /** Epoch seconds. */
  readonly now: number
  /** Tolerated clock difference in seconds. */
  readonly skewSeconds: number
}

/** RFC 5280 section 4.1.2.5: both ends are included. Written so that a time that is not a number is refused. */
export function rejectOutsideValidity(certificate: Certificate, { now, skewSeconds }: VerificationTime): void {
  if (!(certificate.notBefore <= now + skewSeconds)) {
    throw new CertificateError('ERR_CERTIFICATE_NOT_YET_VALID', 'certificate is not valid yet', {
      detail: `valid from ${certificate.notBefore}`,
    })
  }
  if (!(certificate.notAfter >= now - skewSeconds)) {
    throw new CertificateError('ERR_CERTIFICATE_EXPIRED', 'certificate has expired', {
      detail: `valid to ${certificate.notAfter}`,
    })
  }
}

/** RFC 5280 section 4.2: whoever does not understand a critical extension must refuse the certificate. */
export function rejectUnknownCriticalExtensions({ unknownCriticalExtensions }: Certificate): void {
  if (unknownCriticalExtensions.length === 0) return
  throw new CertificateError('ERR_CERTIFICATE_CRITICAL_EXTENSION', 'certificate has an unknown critical extension', {
    detail: unknownCriticalExtensions.join(' '),
  })
}

/** RFC 5280 section 4.2.1.12: when present, it lists all that the key may be used for. */
export function rejectOtherUsage(certificate: Certificate, usage: TlsUsage | undefined): void {
  const { extKeyUsage } = certificate
  if (extKeyUsage === undefined) return
  const wanted = usage === undefined ? [Oid.serverAuth, Oid.clientAuth] : [Oid[usage]]
  if (wanted.some((purpose) => extKeyUsage.includes(purpose))) return
  throw new CertificateError('ERR_CERTIFICATE_EXTENDED_KEY_USAGE', 'certificate is not for this use', {
    detail: `wanted ${usage ?? 'serverAuth or clientAuth'}`,
  })
}
