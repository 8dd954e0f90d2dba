import { type CryptoBackend, type VerifiedX509Svid, verifyX509Svid, X509Anchors } from '@countersign/protocol'
import type { Authority } from '../store/authority-store.ts'

export interface OwnSvidVerifierOptions {
  readonly crypto: CryptoBackend
  readonly trustDomain: string
  /** All that are published, as known now. */
  readonly authorities: () => readonly Authority[]
}

/**
 * Verifies certificates that this server itself has signed. Its authorities are what they must lead to, also where there is a
 * root above them: what another server below the same root signed is not for this one to know.
 */
export class OwnSvidVerifier {
  readonly #options: OwnSvidVerifierOptions
  #anchors: { readonly of: readonly Authority[]; readonly anchors: X509Anchors } | undefined

  constructor(options: OwnSvidVerifierOptions) {
    this.#options = options
  }

  /** @throws CertificateError as `verifyX509Svid` */
  async verify(chain: readonly Uint8Array[], now: number): Promise<VerifiedX509Svid> {
    const { crypto, trustDomain } = this.#options
    const roots = (origin: string) => (origin === `spiffe://${trustDomain}` ? this.#ownAnchors() : undefined)
    return verifyX509Svid({ chain, roots, now, crypto, usage: 'clientAuth' })
  }

  #ownAnchors(): X509Anchors {
    const authorities = this.#options.authorities()
    if (this.#anchors?.of !== authorities) {
      const roots = authorities.flatMap(({ certificate }) => (certificate === undefined ? [] : [certificate]))
      this.#anchors = { of: authorities, anchors: new X509Anchors(roots, this.#options.crypto) }
    }
    return this.#anchors.anchors
  }
}
