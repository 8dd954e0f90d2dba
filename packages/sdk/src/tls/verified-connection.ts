import { CertificateError, type WicRole, type X509Anchors, type X509Revocations } from '@countersign/protocol'
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

/** What a verdict rests on. */
interface Grounds {
  readonly anchors: X509Anchors | undefined
  readonly revocations: X509Revocations | undefined
}

interface Verdict extends Grounds {
  readonly error?: unknown
}

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
    this.#verdict = this.#grounds()
  }

  /**
   * Who is at the other end now.
   *
   * @throws CertificateError `ERR_CERTIFICATE_EXPIRED` when a certificate has ended since
   * @throws CertificateError as `verifyTlsPeer` when the roots of its origin have changed, and no longer lead to it, or
   *   when its certificate has been revoked since
   */
  peerAt(now: number): VerifiedTlsPeer {
    const grounds = this.#grounds()
    const { anchors, revocations } = this.#verdict
    if (grounds.anchors !== anchors || grounds.revocations !== revocations) this.#judgeAgain(grounds, now)
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

  /** Once for each set of roots and revocations, not for each request. */
  #judgeAgain(grounds: Grounds, now: number): void {
    try {
      this.#peer = verifyTlsPeer(this.#facts.chain, this.#source, { ...this.#facts, now })
      this.#verdict = grounds
    } catch (error) {
      this.#verdict = { ...grounds, error }
    }
  }

  #grounds(): Grounds {
    const { origin } = this.#peer.id
    return { anchors: this.#source.anchorsOf(origin), revocations: this.#source.revocationsOf(origin) }
  }
}
