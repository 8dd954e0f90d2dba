import { IdentifierError } from '../identifier/identifier-error.ts'
import { WorkloadId } from '../identifier/workload-id.ts'
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { isEmptyName } from './name.ts'

/** SPIFFE X509-SVID section 2: exactly one URI, and it is the identity. */
export function requireIdentity({ uriSans }: Certificate): WorkloadId {
  const [uri, ...others] = uriSans
  if (uri === undefined || others.length > 0) {
    throw new CertificateError('ERR_CERTIFICATE_URI_COUNT', 'certificate does not have exactly one URI name', {
      detail: `${uriSans.length} URI names`,
    })
  }
  try {
    return WorkloadId.parse(uri)
  } catch (cause) {
    if (!(cause instanceof IdentifierError)) throw cause
    throw new CertificateError('ERR_CERTIFICATE_IDENTIFIER', 'URI name is not a workload identifier', {
      cause,
      detail: cause.message,
    })
  }
}

/** SPIFFE X509-SVID section 4.1: what signs certificates never authenticates. */
export function rejectCa({ isCa }: Certificate): void {
  if (isCa) throw new CertificateError('ERR_CERTIFICATE_LEAF_IS_CA', 'leaf certificate is a CA')
}

/**
 * SPIFFE X509-SVID section 4.3: present, critical, signs data, does not sign certificates or revocation lists. Elsewhere
 * RFC 5280 section 4.2.1.3 holds: when absent, nothing is restricted.
 */
export function requireSignatureKey({ keyUsage, isKeyUsageCritical }: Certificate, id: WorkloadId): void {
  if (keyUsage === undefined) {
    if (id.scheme !== 'spiffe') return
    throw new CertificateError('ERR_CERTIFICATE_KEY_USAGE', 'leaf certificate has no key usage')
  }
  if (!isKeyUsageCritical && id.scheme === 'spiffe') {
    throw new CertificateError('ERR_CERTIFICATE_KEY_USAGE', 'key usage is not critical')
  }
  if (!keyUsage.has('digitalSignature') || keyUsage.has('keyCertSign') || keyUsage.has('cRLSign')) {
    throw new CertificateError('ERR_CERTIFICATE_KEY_USAGE', 'leaf key is not for signatures of data only', {
      detail: [...keyUsage].join(' '),
    })
  }
}

/** RFC 5280 section 4.2.1.6: with an empty subject the alternative name is the only name, so it must be critical. */
export function requireSomeName({ subject, isSubjectAltNameCritical }: Certificate): void {
  if (isEmptyName(subject) && !isSubjectAltNameCritical) {
    throw new CertificateError('ERR_CERTIFICATE_ALT_NAME_NOT_CRITICAL', 'subject is empty and URI name is not critical')
  }
}
