import type { WorkloadId } from '../identifier/workload-id.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { buildPath } from './build-path.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import {
  rejectOtherUsage,
  rejectOutsideValidity,
  rejectUnknownCriticalExtensions,
  type TlsUsage,
} from './certificate-rules.ts'
import { rejectCa, requireIdentity, requireSignatureKey, requireSomeName } from './leaf-rules.ts'
import { Signer } from './signer.ts'
import {
  rejectConstrainedNames,
  rejectForeignIdentity,
  rejectLongPath,
  requireCa,
  requireCertificateSigning,
} from './signer-rules.ts'
import { X509Anchors } from './x509-anchors.ts'
import type { X509Revocations } from './x509-revocations.ts'

export interface X509SvidVerification {
  /** DER, leaf first. The rest may be in any order. At most 8 certificates of 64 KiB each. */
  readonly chain: readonly Uint8Array[]
  /**
   * The roots of one origin (`spiffe://example.org`), `undefined` when it is not trusted. Keep `X509Anchors` to parse
   * them once; a list of DER certificates is parsed in each call.
   */
  readonly roots: (origin: string) => X509Anchors | readonly Uint8Array[] | undefined
  /** What the authorities of one origin have revoked, as far as it is known. */
  readonly revocations?: (origin: string) => X509Revocations | undefined
  /** Epoch seconds. */
  readonly now: number
  /** Tolerated clock difference, default 0. */
  readonly skewSeconds?: number
  readonly crypto: CryptoBackend
  /** The side of TLS the peer is on. Without it, either side will do. */
  readonly usage?: TlsUsage
}

export interface VerifiedX509Svid {
  readonly id: WorkloadId
  /** Epoch seconds: when the first certificate of the path expires. */
  readonly expiresAt: number
  readonly leaf: Certificate
}

const MAX_CHAIN_LENGTH = 8

/**
 * Verifies an X509-SVID, or a Workload Identity Certificate, and returns whose it is.
 *
 * Only the roots of the leaf's own trust domain count, so no domain can vouch for another's workloads.
 *
 * @throws CertificateError `ERR_CERTIFICATE_CHAIN_LENGTH`, and those of `parseCertificate`, before anything is believed
 * @throws CertificateError `ERR_CERTIFICATE_URI_COUNT`, `ERR_CERTIFICATE_IDENTIFIER` when the leaf names no workload
 * @throws CertificateError `ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN` when there are no roots for the leaf's origin
 * @throws CertificateError `ERR_CERTIFICATE_LEAF_IS_CA`, `ERR_CERTIFICATE_KEY_USAGE`,
 *   `ERR_CERTIFICATE_EXTENDED_KEY_USAGE`, `ERR_CERTIFICATE_ALT_NAME_NOT_CRITICAL` for a leaf that must not authenticate
 * @throws CertificateError `ERR_CERTIFICATE_CRITICAL_EXTENSION`, `ERR_CERTIFICATE_NOT_YET_VALID`,
 *   `ERR_CERTIFICATE_EXPIRED` for any certificate of the path
 * @throws CertificateError `ERR_CERTIFICATE_UNTRUSTED`, `ERR_CERTIFICATE_SIGNATURE`, `ERR_CERTIFICATE_ALGORITHM`,
 *   `ERR_CERTIFICATE_KEY`, `ERR_CERTIFICATE_NOT_CA`, `ERR_CERTIFICATE_PATH_LENGTH`, `ERR_CERTIFICATE_NAME_CONSTRAINTS`,
 *   `ERR_CERTIFICATE_SIGNER_IDENTIFIER`, `ERR_CERTIFICATE_PATH_TOO_COMPLEX` when no path leads to a root
 * @throws CertificateError `ERR_CERTIFICATE_REVOKED` when its issuer has revoked a certificate of the path
 * @see SPIFFE X509-SVID section 5; RFC 5280 section 6.1; draft-ietf-wimse-mutual-tls
 */
export function verifyX509Svid(options: X509SvidVerification): Eventual<VerifiedX509Svid> {
  const { crypto, usage } = options
  const time = { now: options.now, skewSeconds: options.skewSeconds ?? 0 }

  const { leaf, others } = parseChain(options.chain)
  const id = requireIdentity(leaf)
  const anchors = requireAnchors(options, id.origin)
  rejectCa(leaf)
  requireSignatureKey(leaf, id)
  rejectOtherUsage(leaf, usage)
  requireSomeName(leaf)
  rejectUnknownCriticalExtensions(leaf)
  rejectOutsideValidity(leaf, time)

  const admit = (signer: Certificate, path: readonly Certificate[], isAnchor: boolean) => {
    requireCa(signer)
    requireCertificateSigning(signer)
    rejectLongPath(signer, path)
    rejectConstrainedNames(signer, path)
    rejectUnknownCriticalExtensions(signer)
    rejectOutsideValidity(signer, time)
    if (isAnchor) return
    // A root is trusted by configuration; what it says about itself does not widen or narrow that.
    rejectForeignIdentity(signer, id.origin)
    rejectOtherUsage(signer, usage)
  }
  const intermediates = others.map((certificate) => new Signer(certificate, crypto))
  return whenReady(buildPath(leaf, { anchors: anchors.signers, intermediates, admit }), (path) => {
    const verified = { id, expiresAt: Math.min(...path.map((certificate) => certificate.notAfter)), leaf }
    const revocations = options.revocations?.(id.origin)
    return revocations === undefined ? verified : whenReady(revocations.rejectRevoked(path, crypto), () => verified)
  })
}

function parseChain(chain: readonly Uint8Array[]): { leaf: Certificate; others: readonly Certificate[] } {
  const [first, ...rest] = chain
  if (first === undefined || chain.length > MAX_CHAIN_LENGTH) {
    throw new CertificateError(
      'ERR_CERTIFICATE_CHAIN_LENGTH',
      `chain does not have 1 to ${MAX_CHAIN_LENGTH} certificates`,
    )
  }
  return { leaf: parseCertificate(first), others: rest.map(parseCertificate) }
}

function requireAnchors({ roots, crypto }: X509SvidVerification, origin: string): X509Anchors {
  const anchors = roots(origin)
  if (anchors === undefined) {
    throw new CertificateError('ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN', 'trust domain is not known', { detail: origin })
  }
  return anchors instanceof X509Anchors ? anchors : new X509Anchors(anchors, crypto)
}
