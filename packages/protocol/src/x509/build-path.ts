import { type Eventual, whenFailed, whenReady } from '../keys/crypto-backend.ts'
import { bytesEqual } from './bytes.ts'
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import type { Signer } from './signer.ts'

/** Work that one peer can cause. An honest chain needs one check for each of its certificates. */
const MAX_SIGNATURE_CHECKS = 16

export interface PathSources {
  readonly anchors: readonly Signer[]
  /** What the peer sent besides its leaf, in any order. */
  readonly intermediates: readonly Signer[]
  /**
   * Throws a CertificateError when the signer must not stand above this path (leaf first), whatever its signature.
   */
  readonly admit: (signer: Certificate, path: readonly Certificate[], isAnchor: boolean) => void
}

/**
 * Finds a path of signatures from a leaf to an anchor, by name and key identifier. A candidate that is refused does not
 * end the search: a renewed or cross-signed CA of the same name may follow.
 *
 * @returns leaf first, anchor last
 * @throws CertificateError the first refusal of a candidate, or `ERR_CERTIFICATE_UNTRUSTED` when there was no candidate
 * @throws CertificateError `ERR_CERTIFICATE_PATH_TOO_COMPLEX` after 16 signature checks
 * @see RFC 5280 section 6.1, RFC 4158
 */
export function buildPath(leaf: Certificate, sources: PathSources): Eventual<readonly Certificate[]> {
  const search = new PathSearch(sources)
  return whenReady(search.extend([leaf], leaf), (path) => {
    if (path !== undefined) return path
    throw search.refusal ?? new CertificateError('ERR_CERTIFICATE_UNTRUSTED', 'no root of the trust domain signed this')
  })
}

interface Candidate {
  readonly signer: Signer
  readonly isAnchor: boolean
}

type Path = readonly Certificate[]

class PathSearch {
  refusal: CertificateError | undefined
  readonly #sources: PathSources
  #signatureChecks = 0

  constructor(sources: PathSources) {
    this.#sources = sources
  }

  /** The whole path above `path`, whose last certificate is `child`. */
  extend(path: Path, child: Certificate): Eventual<Path | undefined> {
    return this.#tryEach(this.#candidates(path, child), 0, path, child)
  }

  /** A recursion instead of a loop, so that a synchronous backend needs no promises. As deep as the candidates. */
  #tryEach(
    candidates: readonly Candidate[],
    index: number,
    path: Path,
    child: Certificate,
  ): Eventual<Path | undefined> {
    const candidate = candidates[index]
    if (candidate === undefined) return undefined
    return whenReady(this.#accepts(candidate, path, child), (isAccepted) => {
      const { certificate } = candidate.signer
      const longer = [...path, certificate]
      if (isAccepted && candidate.isAnchor) return longer
      const found = isAccepted ? this.extend(longer, certificate) : undefined
      return whenReady(found, (whole) => whole ?? this.#tryEach(candidates, index + 1, path, child))
    })
  }

  #candidates(path: Path, child: Certificate): readonly Candidate[] {
    const { anchors, intermediates } = this.#sources
    return [
      ...anchors.map((signer) => ({ signer, isAnchor: true })),
      ...intermediates.map((signer) => ({ signer, isAnchor: false })),
    ]
      .filter(
        ({ signer }) => bytesEqual(signer.certificate.subject, child.issuer) && !path.includes(signer.certificate),
      )
      .sort((a, b) => keyIdRank(a.signer.certificate, child) - keyIdRank(b.signer.certificate, child))
  }

  #accepts({ signer, isAnchor }: Candidate, path: Path, child: Certificate): Eventual<boolean> {
    try {
      this.#sources.admit(signer.certificate, path, isAnchor)
      this.#countSignatureCheck()
      // Only `true` is a yes.
      const verdict = whenReady(
        signer.hasSigned(child),
        (isSigned) => isSigned === true || this.#refuse(wrongSignature()),
      )
      return whenFailed(verdict, (error) => this.#refuse(error))
    } catch (error) {
      return this.#refuse(error)
    }
  }

  #countSignatureCheck(): void {
    if (++this.#signatureChecks > MAX_SIGNATURE_CHECKS) {
      throw new CertificateError('ERR_CERTIFICATE_PATH_TOO_COMPLEX', 'certificate path needs too many signature checks')
    }
  }

  /** Remembers why the best candidate was refused; the search goes on. */
  #refuse(error: unknown): false {
    if (!(error instanceof CertificateError) || error.code === 'ERR_CERTIFICATE_PATH_TOO_COMPLEX') throw error
    this.refusal ??= error
    return false
  }
}

/**
 * Signers whose key identifier fits come first, those of another one last: roots of the same name must not use up the
 * signature checks. It is only a hint, so nothing is excluded. RFC 5280 section 4.2.1.1.
 */
function keyIdRank(signer: Certificate, child: Certificate): number {
  if (signer.subjectKeyId === undefined || child.authorityKeyId === undefined) return 1
  return bytesEqual(signer.subjectKeyId, child.authorityKeyId) ? 0 : 2
}

function wrongSignature(): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_SIGNATURE', 'signature was not made by the issuer key')
}
