import { type CryptoBackend, type PublicJwk, TrustedKeys } from '@countersign/protocol'
import type { TrustedIssuer } from '@countersign/protocol/exchange'
import type { Authorities } from '../issuance/authorities.ts'
import type { Authority } from '../store/authority-store.ts'

/** What rules call the service itself; no other issuer can have this name. */
export const OWN_ISSUER = 'self'

/** The service's own keys, as everyone may see them: those that sign, are about to, or did and may still be needed. */
export class OwnTokenKeys implements TrustedIssuer {
  readonly name = OWN_ISSUER
  readonly url: string
  readonly #authorities: Authorities
  readonly #crypto: CryptoBackend
  #made: { readonly of: readonly Authority[]; readonly keys: TrustedKeys } | undefined

  constructor(url: string, authorities: Authorities, crypto: CryptoBackend) {
    this.url = url
    this.#authorities = authorities
    this.#crypto = crypto
  }

  /** Another object only when the authorities have changed: imported keys stay in it. */
  get keys(): TrustedKeys {
    const of = this.#authorities.list()
    if (this.#made?.of !== of) this.#made = { of, keys: new TrustedKeys(jwksOf(of), this.#crypto) }
    return this.#made.keys
  }

  /** RFC 7517 section 5. */
  toJwkSet(): { readonly keys: readonly PublicJwk[] } {
    return { keys: this.keys.jwks.map((jwk) => ({ ...jwk, use: 'sig' })) }
  }
}

function jwksOf(authorities: readonly Authority[]): readonly PublicJwk[] {
  return authorities.flatMap(({ kind, publicJwk }) => (kind === 'oauth' && publicJwk !== undefined ? [publicJwk] : []))
}
