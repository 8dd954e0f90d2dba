import { bytesEqual } from './bytes.ts'
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { allowsNames } from './name-constraints.ts'

const IDENTITY_SCHEME = /^(?:spiffe|wimse):/i

/** RFC 5280 section 6.1.4 (k). */
export function requireCa({ isCa }: Certificate): void {
  if (!isCa) throw new CertificateError('ERR_CERTIFICATE_NOT_CA', 'issuer is not a CA')
}

/** RFC 5280 section 6.1.4 (n), and SPIFFE X509-SVID section 4.3: a signing certificate must say so. */
export function requireCertificateSigning({ keyUsage }: Certificate): void {
  if (keyUsage?.has('keyCertSign') !== true) {
    throw new CertificateError('ERR_CERTIFICATE_KEY_USAGE', 'issuer key may not sign certificates')
  }
}

/** RFC 5280 section 6.1.4 (l) and (m): CAs that only renew their own key do not count. `path` is leaf first. */
export function rejectLongPath({ pathLength }: Certificate, path: readonly Certificate[]): void {
  const between = path.slice(1).filter((ca) => !bytesEqual(ca.issuer, ca.subject)).length
  if (pathLength !== undefined && between > pathLength) {
    throw new CertificateError('ERR_CERTIFICATE_PATH_LENGTH', 'more CAs follow than the issuer allows', {
      detail: `${between} CAs, ${pathLength} allowed`,
    })
  }
}

/** RFC 5280 section 6.1.3 (b) and (c), for every certificate below the issuer. */
export function rejectConstrainedNames({ nameConstraints }: Certificate, path: readonly Certificate[]): void {
  if (nameConstraints === undefined) return
  if (nameConstraints.hasOtherForms) {
    throw new CertificateError('ERR_CERTIFICATE_NAME_CONSTRAINTS', 'issuer has name constraints that cannot be checked')
  }
  if (!path.every((certificate) => allowsNames(nameConstraints, certificate))) {
    throw new CertificateError('ERR_CERTIFICATE_NAME_CONSTRAINTS', 'issuer may not vouch for this name')
  }
}

/** The same for what a CA is yet to sign: identifiers of its trust domain. */
export function rejectConstrainedSigner({ nameConstraints }: Certificate, trustDomain: string): void {
  if (nameConstraints === undefined) return
  const names = { uriSans: [`spiffe://${trustDomain}/`], dnsSans: [] }
  if (nameConstraints.hasOtherForms || !allowsNames(nameConstraints, names)) {
    throw new CertificateError('ERR_CERTIFICATE_NAME_CONSTRAINTS', 'issuer may not vouch for this trust domain')
  }
}

/**
 * SPIFFE X509-SVID section 4.1: a signing certificate's identifier, if it has one, is its trust domain and no path.
 * Otherwise a workload's certificate, or another domain's CA, could sign.
 */
export function rejectForeignIdentity({ uriSans }: Certificate, origin: string): void {
  const foreign = uriSans.find((uri) => IDENTITY_SCHEME.test(uri) && uri !== origin)
  if (foreign !== undefined) {
    throw new CertificateError('ERR_CERTIFICATE_SIGNER_IDENTIFIER', 'issuer is not a signer of this trust domain', {
      detail: foreign,
    })
  }
}
