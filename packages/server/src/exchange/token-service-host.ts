import type { TokenProfileHost, TokenSigner } from '@countersign/plugin-kit'
import type { CryptoBackend, ReplayMemory, TrustStore } from '@countersign/protocol'
import type { TrustedIssuer } from '@countersign/protocol/exchange'
import type { RevokedTokenStore } from '../store/revoked-token-store.ts'
import type { ConfiguredIssuer } from './issuers/configured-issuer.ts'
import type { Issuers } from './issuers/issuers.ts'
import type { TokenServiceUrls } from './token-service-urls.ts'

export interface TokenServiceHostParts {
  readonly urls: TokenServiceUrls
  readonly trustDomain: string
  readonly crypto: CryptoBackend
  readonly trust: TrustStore
  readonly self: TrustedIssuer
  readonly issuers: Issuers
  readonly signer: TokenSigner
  readonly usedTokens: ReplayMemory
  readonly revoked: RevokedTokenStore
}

/** What this server lends its token profiles. */
export class TokenServiceHost implements TokenProfileHost {
  readonly issuer: string
  readonly tokenEndpoint: string
  readonly trustDomain: string
  readonly crypto: CryptoBackend
  readonly trust: TrustStore
  readonly self: TrustedIssuer
  readonly signer: TokenSigner
  readonly usedTokens: ReplayMemory
  readonly #issuers: Issuers
  readonly #revoked: RevokedTokenStore

  constructor(parts: TokenServiceHostParts) {
    this.issuer = parts.urls.issuer
    this.tokenEndpoint = parts.urls.tokenEndpoint
    this.trustDomain = parts.trustDomain
    this.crypto = parts.crypto
    this.trust = parts.trust
    this.self = parts.self
    this.signer = parts.signer
    this.usedTokens = parts.usedTokens
    this.#issuers = parts.issuers
    this.#revoked = parts.revoked
  }

  isRevoked(tokenId: string): Promise<boolean> {
    return this.#revoked.has(tokenId)
  }

  findIssuer(profile: string, iss: string, kid: string | undefined): ConfiguredIssuer {
    return this.#issuers.find(profile, iss, kid)
  }
}
