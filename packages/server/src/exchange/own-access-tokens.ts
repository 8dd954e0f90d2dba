import { CredentialError, type CryptoBackend, errorCode } from '@countersign/protocol'
import { AccessTokenVerifier, type TrustedIssuer, type VerifiedAccessToken } from '@countersign/protocol/exchange'
import type { RevokedTokenStore } from '../store/revoked-token-store.ts'

export interface OwnAccessTokensParts {
  readonly crypto: CryptoBackend
  readonly self: TrustedIssuer
  readonly revoked: RevokedTokenStore
}

/** Knows the access tokens of this service, and which of them were taken back. */
export class OwnAccessTokens {
  readonly #parts: OwnAccessTokensParts
  readonly #verifier: AccessTokenVerifier

  constructor(parts: OwnAccessTokensParts) {
    this.#parts = parts
    // A token that others see as expired must not be called active for its last seconds of skew.
    this.#verifier = new AccessTokenVerifier({ crypto: parts.crypto, clockSkewSeconds: 0 })
  }

  /** @returns `undefined` for anything that is not, or no longer, a valid access token of this service */
  async read(token: string, now: number): Promise<VerifiedAccessToken | undefined> {
    const { self, revoked } = this.#parts
    try {
      const verified = await this.#verifier.verify(token, (iss) => this.#requireSelf(iss), now)
      return (await revoked.has(verified.id)) ? undefined : { ...verified, issuer: self }
    } catch (error) {
      if (errorCode(error)?.startsWith('ERR_CREDENTIAL_')) return undefined
      throw error
    }
  }

  revoke({ id, expiresAt }: VerifiedAccessToken, now: number): Promise<void> {
    return this.#parts.revoked.add(id, expiresAt, now)
  }

  #requireSelf(iss: string): TrustedIssuer {
    const { self } = this.#parts
    if (iss === self.url) return self
    throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'credential is of another issuer')
  }
}
