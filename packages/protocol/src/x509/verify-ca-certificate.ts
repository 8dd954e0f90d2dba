import { parseTrustDomain } from '../identifier/trust-domain.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { buildPath } from './build-path.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { rejectOtherUsage, rejectOutsideValidity, rejectUnknownCriticalExtensions } from './certificate-rules.ts'
import { isEmptyName } from './name.ts'
import { Signer } from './signer.ts'
import {
  rejectConstrainedNames,
  rejectConstrainedSigner,
  rejectForeignIdentity,
  rejectLongPath,
  requireCa,
  requireCertificateSigning,
} from './signer-rules.ts'
import { X509Anchors } from './x509-anchors.ts'

export interface CaVerification {
  /** DER, the CA first. The rest may be in any order. At most 7 certificates of 64 KiB each: a leaf comes before them. */
  readonly chain: readonly Uint8Array[]
  readonly roots: X509Anchors | readonly Uint8Array[]
  /** The SPIFFE trust domain that it is to sign for. */
  readonly trustDomain: string
  /** Epoch seconds. */
  readonly now: number
  readonly skewSeconds?: number
  readonly crypto: CryptoBackend
}

export interface VerifiedCa {
  readonly ca: Certificate
  /** What stands between the CA and the root, the CA's issuer first. */
  readonly intermediates: readonly Certificate[]
  readonly root: Certificate
  /** Epoch seconds: when the first certificate of the path expires. */
  readonly expiresAt: number
}

const MAX_CHAIN_LENGTH = 7

/**
 * Verifies that a certificate is that of a CA which may sign SVIDs of a trust domain, by a path to one of its roots: what it
 * signs will be believed by whoever has that root.
 *
 * @throws CertificateError `ERR_CERTIFICATE_CHAIN_LENGTH`, and those of `parseCertificate`, before anything is believed
 * @throws CertificateError `ERR_CERTIFICATE_NOT_CA`, `ERR_CERTIFICATE_KEY_USAGE`, `ERR_CERTIFICATE_EXTENDED_KEY_USAGE`,
 *   `ERR_CERTIFICATE_SUBJECT`, `ERR_CERTIFICATE_ISSUER` for a CA without a key identifier,
 *   `ERR_CERTIFICATE_SIGNER_IDENTIFIER`, `ERR_CERTIFICATE_CRITICAL_EXTENSION`, `ERR_CERTIFICATE_NOT_YET_VALID`,
 *   `ERR_CERTIFICATE_EXPIRED`, `ERR_CERTIFICATE_NAME_CONSTRAINTS`, `ERR_CERTIFICATE_PATH_LENGTH`
 * @throws CertificateError `ERR_CERTIFICATE_UNTRUSTED`, `ERR_CERTIFICATE_SIGNATURE`, `ERR_CERTIFICATE_ALGORITHM`,
 *   `ERR_CERTIFICATE_KEY`, `ERR_CERTIFICATE_PATH_TOO_COMPLEX` when no path leads to a root
 * @see SPIFFE X509-SVID section 4; RFC 5280 section 6.1
 */
export function verifyCaCertificate(options: CaVerification): Eventual<VerifiedCa> {
  const { crypto, roots } = options
  const trustDomain = parseTrustDomain(options.trustDomain)
  const time = { now: options.now, skewSeconds: options.skewSeconds ?? 0 }
  const { ca, others } = parseChain(options.chain)

  const admit = (signer: Certificate, isAnchor: boolean) => {
    requireCa(signer)
    requireCertificateSigning(signer)
    rejectConstrainedSigner(signer, trustDomain)
    rejectUnknownCriticalExtensions(signer)
    rejectOutsideValidity(signer, time)
    // As for SVIDs: what a root says about itself does not widen or narrow that it is trusted.
    if (isAnchor) return
    rejectForeignIdentity(signer, `spiffe://${trustDomain}`)
    // It is to sign for both sides of TLS.
    rejectOtherUsage(signer, 'serverAuth')
    rejectOtherUsage(signer, 'clientAuth')
  }
  admit(ca, false)
  requireReference(ca)
  const anchors = roots instanceof X509Anchors ? roots : new X509Anchors(roots, crypto)
  const search = {
    anchors: anchors.signers,
    intermediates: others.map((certificate) => new Signer(certificate, crypto)),
    admit: (signer: Certificate, path: readonly Certificate[], isAnchor: boolean) => {
      admit(signer, isAnchor)
      rejectConstrainedNames(signer, path)
      // The CA counts: a leaf will stand below it.
      rejectLongPath(signer, [ca, ...path])
    },
  }
  return whenReady(buildPath(ca, search), (path) => {
    const [root = ca] = path.slice(-1)
    const expiresAt = Math.min(...path.map(({ notAfter }) => notAfter))
    return { ca, intermediates: path.slice(1, -1), root, expiresAt }
  })
}

function parseChain(chain: readonly Uint8Array[]): { ca: Certificate; others: readonly Certificate[] } {
  const [first, ...rest] = chain
  if (first === undefined || chain.length > MAX_CHAIN_LENGTH) {
    throw new CertificateError(
      'ERR_CERTIFICATE_CHAIN_LENGTH',
      `chain does not have 1 to ${MAX_CHAIN_LENGTH} certificates`,
    )
  }
  return { ca: parseCertificate(first), others: rest.map(parseCertificate) }
}

/** By name and key identifier verifiers find it, and what it revokes. */
function requireReference({ subject, subjectKeyId }: Certificate): void {
  if (isEmptyName(subject)) throw new CertificateError('ERR_CERTIFICATE_SUBJECT', 'CA certificate has no subject')
  if (subjectKeyId === undefined) {
    throw new CertificateError('ERR_CERTIFICATE_ISSUER', 'CA certificate has no key identifier')
  }
}
