import {
  type CryptoBackend,
  decodeBase64,
  type OriginTrust,
  type TrustStore,
  type VerifiedX509Svid,
  verifyX509Svid,
  X509Anchors,
  X509Revocations,
} from '@countersign/protocol'

export interface X509ProofOptions {
  readonly crypto: CryptoBackend
  readonly trust: TrustStore
  readonly trustDomain: string
  /** Revocation lists of the own trust domain, base64 DER, as of now. */
  readonly readCrls: () => Promise<readonly string[]>
}

/**
 * Tells whose the certificate of a TLS connection is. That the peer holds its key, the handshake proved.
 *
 * @see X509-SVID section 5; draft-ietf-oauth-spiffe-client-auth
 */
export class X509Proof {
  readonly #options: X509ProofOptions
  readonly #anchors = new WeakMap<OriginTrust, X509Anchors>()
  #revocations: { readonly key: string; readonly of: OriginTrust; readonly read: X509Revocations } | undefined

  constructor(options: X509ProofOptions) {
    this.#options = options
  }

  /**
   * @param chain DER, leaf first
   * @param now seconds since the epoch
   * @throws CertificateError as `verifyX509Svid`
   */
  async verify(chain: readonly Uint8Array[], now: number): Promise<VerifiedX509Svid> {
    const { crypto, trust, trustDomain } = this.#options
    const own = trust.get(`spiffe://${trustDomain}`)
    const revocations = own === undefined ? undefined : await this.#revocationsOf(own)
    return verifyX509Svid({
      chain,
      crypto,
      now,
      usage: 'clientAuth',
      roots: (origin) => {
        const found = trust.get(origin)
        return found === undefined ? undefined : this.#anchorsOf(found)
      },
      revocations: (origin) => (origin === own?.origin ? revocations : undefined),
    })
  }

  #anchorsOf(trust: OriginTrust): X509Anchors {
    const anchors = this.#anchors.get(trust) ?? new X509Anchors(trust.x509Roots, this.#options.crypto)
    this.#anchors.set(trust, anchors)
    return anchors
  }

  /** Read for each request, since a revocation must not wait; verified again only when a list has changed. */
  async #revocationsOf(trust: OriginTrust): Promise<X509Revocations> {
    const crls = await this.#options.readCrls()
    const key = crls.join()
    if (this.#revocations?.key !== key || this.#revocations.of !== trust) {
      const read = await X509Revocations.read(crls.map(decodeBase64), this.#anchorsOf(trust))
      this.#revocations = { key, of: trust, read }
    }
    return this.#revocations.read
  }
}
