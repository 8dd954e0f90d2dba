import { CertificateError, type WicRole, type X509Anchors } from '@countersign/protocol'
import type { ExpectedPeer } from './expected-peer.ts'
import { type VerifiedTlsPeer, verifyTlsPeer } from './verify-tls-peer.ts'
import type { X509Source } from './x509-source.ts'

export interface ConnectionFacts {
  /** What the peer showed, DER, leaf first. */
  readonly chain: readonly Uint8Array[]
  /** The side that the peer is on. */
  readonly role: WicRole
  readonly expected: ExpectedPeer | undefined
  /** Version of the source whose certificate this end showed. */
  readonly version: number
}

type Verdict =
  | { readonly anchors: X509Anchors | undefined; readonly error: unknown }
  | { readonly anchors: X509Anchors | undefined; readonly error?: undefined }

/** A connection whose other end was verified, and is again whenever what it was verified with is gone. */
export class VerifiedConnection {
  readonly version: number
  readonly #facts: ConnectionFacts
  readonly #source: X509Source
  #peer: VerifiedTlsPeer
  #verdict: Verdict

  /** @throws CertificateError as `verifyTlsPeer` */
  constructor(facts: ConnectionFacts, source: X509Source, now: number) {
    this.version = facts.version
    this.#facts = facts
    this.#source = source
    this.#peer = verifyTlsPeer(facts.chain, source, { ...facts, now })
    this.#verdict = { anchors: source.anchorsOf(this.#peer.id.origin) }
  }

  /**
   * Who is at the other end now.
   *
   * @throws CertificateError `ERR_CERTIFICATE_EXPIRED` when a certificate has ended since
   * @throws CertificateError as `verifyTlsPeer` when the roots of its origin have changed, and no longer lead to it
   */
  peerAt(now: number): VerifiedTlsPeer {
    const anchors = this.#source.anchorsOf(this.#peer.id.origin)
    if (anchors !== this.#verdict.anchors) this.#judgeAgain(anchors, now)
    if (this.#verdict.error !== undefined) throw this.#verdict.error
    if (!(this.#peer.expiresAt >= now)) {
      throw new CertificateError('ERR_CERTIFICATE_EXPIRED', 'certificate of the connection has expired', {
        detail: `valid to ${this.#peer.expiresAt}`,
      })
    }
    return this.#peer
  }

  /** Whether another request may be sent on it: with the certificate this end has now, to a peer that still counts. */
  isUsableAt(now: number): boolean {
    if (this.version !== this.#source.version) return false
    try {
      this.peerAt(now)
      return true
    } catch {
      return false
    }
  }

  /** Once for each set of roots, not for each request. */
  #judgeAgain(anchors: X509Anchors | undefined, now: number): void {
    try {
      this.#peer = verifyTlsPeer(this.#facts.chain, this.#source, { ...this.#facts, now })
      this.#verdict = { anchors }
    } catch (error) {
      this.#verdict = { anchors, error }
    }
  }
}
