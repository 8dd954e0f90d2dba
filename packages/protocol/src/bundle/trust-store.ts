import { parseOrigin } from '../identifier/workload-id.ts'
import type { CryptoBackend } from '../keys/crypto-backend.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import type { SpiffeBundle } from './spiffe-bundle.ts'
import { TrustedKeys } from './trusted-keys.ts'

/** Everything that may vouch for identifiers of one origin, as configured or fetched from a configured place. */
export interface TrustMaterial {
  readonly witKeys?: readonly PublicJwk[]
  readonly jwtKeys?: readonly PublicJwk[]
  /** DER certificates. */
  readonly x509Roots?: readonly Uint8Array[]
  /** Values of `iss` that this origin's tokens may carry. */
  readonly issuers?: readonly string[]
}

/** The trust of one origin. Replaced as a whole, so holding on to one and comparing tells whether it still counts. */
export interface OriginTrust {
  readonly origin: string
  readonly witKeys: TrustedKeys
  readonly jwtKeys: TrustedKeys
  readonly x509Roots: readonly Uint8Array[]
  readonly issuers: ReadonlySet<string>
}

/**
 * Who may vouch for whom, keyed by origin: scheme and trust domain. Keys of different origins are never pooled, and
 * nothing in a token (`iss`, `jku`, `jwk`, `x5u`) can add to it.
 *
 * @see draft-ietf-wimse-workload-creds, "Establishing Trust Anchors"; SPIFFE Trust Domain and Bundle, section 3
 */
export class TrustStore {
  readonly #crypto: CryptoBackend
  readonly #origins = new Map<string, OriginTrust>()

  constructor(crypto: CryptoBackend) {
    this.#crypto = crypto
  }

  /**
   * Replaces all trust of an origin at once. What was verified with the old trust is forgotten by every cache.
   *
   * @param origin `spiffe://example.org`
   * @throws IdentifierError when it is not an origin
   */
  set(origin: string, material: TrustMaterial): void {
    parseOrigin(origin)
    this.#origins.set(origin, {
      origin,
      witKeys: new TrustedKeys(material.witKeys ?? [], this.#crypto),
      jwtKeys: new TrustedKeys(material.jwtKeys ?? [], this.#crypto),
      x509Roots: [...(material.x509Roots ?? [])],
      issuers: new Set(material.issuers ?? []),
    })
  }

  /** Replaces the trust of `spiffe://<trust domain>` by a SPIFFE bundle. */
  setBundle(bundle: SpiffeBundle): void {
    this.set(`spiffe://${bundle.trustDomain}`, {
      witKeys: bundle.witAuthorities,
      jwtKeys: bundle.jwtAuthorities,
      x509Roots: bundle.x509Authorities,
    })
  }

  get(origin: string): OriginTrust | undefined {
    return this.#origins.get(origin)
  }

  delete(origin: string): void {
    this.#origins.delete(origin)
  }

  origins(): readonly string[] {
    return [...this.#origins.keys()]
  }
}
