import type {
  CompactJws,
  CryptoBackend,
  PublicJwk,
  ReplayMemory,
  SigningKey,
  TrustStore,
  VerifiedWit,
  VerifiedX509Svid,
} from '@countersign/protocol'
import type {
  ExchangedSubject,
  IssuedToken,
  ProvenKeys,
  TokenOrder,
  TrustedIssuer,
} from '@countersign/protocol/exchange'

/** What one token is brought for. A type may be good for one and not for another. */
export type TokenRole = 'subject' | 'actor' | 'client' | 'grant'

/** A token that somebody sent, and what else their request proved. */
export interface PresentedToken {
  /** Hostile, at most 16 KiB. */
  readonly token: string
  readonly role: TokenRole
  /** What the request says it is: `subject_token_type` and the like. */
  readonly declaredType: string
  /** Keys that the sender proved to hold, in this request. */
  readonly proven: ProvenKeys
  /** The WIT that came in the request's own field, with a proof that was verified. */
  readonly provenWit: VerifiedWit | undefined
  /** The X509-SVID of the connection, verified. */
  readonly provenX509: VerifiedX509Svid | undefined
  /** Seconds since the epoch. */
  readonly now: number
}

/** What the token service lends its profiles. Trust comes from here and from nowhere else. */
export interface TokenProfileHost {
  /** The service's own issuer identifier: the audience that tokens brought here should have. */
  readonly issuer: string
  readonly tokenEndpoint: string
  readonly trustDomain: string
  readonly crypto: CryptoBackend
  /** Keys of SPIFFE trust domains, the own one and those federated with. */
  readonly trust: TrustStore
  /** The service's own token keys as of now, as if it were a configured issuer: for tokens that come back. */
  readonly self: TrustedIssuer
  /**
   * The configured issuer that a token means by its `iss` and `kid`, among those that are allowed this profile.
   *
   * @throws CredentialError `ERR_CREDENTIAL_ISSUER` when there is none, or several could be meant
   */
  findIssuer(profile: string, iss: string, kid: string | undefined): TrustedIssuer & IssuerSettings
  /** Whether an access token of this service was taken back. @param tokenId its `jti` */
  isRevoked(tokenId: string): Promise<boolean>
  /** What was used up, for every server of this service: assertions that are good once. */
  readonly usedTokens: ReplayMemory
  /** Signs as the service. Profiles never hold a key longer than for one token. */
  readonly signer: TokenSigner
}

/** What the operator said of one issuer that concerns every profile. */
export interface IssuerSettings {
  /**
   * Whether an assertion of this issuer may name the token endpoint instead of the issuer identifier, as before
   * draft-ietf-oauth-rfc7523bis.
   */
  readonly allowsTokenEndpointAudience: boolean
  /** Whether an assertion may be used until it expires, as platforms do that hand one out for an hour. */
  readonly allowsReuse: boolean
  /** Put before its subjects, so that no two issuers name different parties alike. */
  readonly subjectPrefix: string
  /** Claims that must have one of these values: the tenant of an issuer with many. By path, `kubernetes.io/namespace`. */
  readonly requiredClaims: Readonly<Record<string, readonly string[]>>
  /** Claims to let through, by path, and the name each gets. */
  readonly mappedClaims: Readonly<Record<string, string>>
  readonly maxLifetimeSeconds: number | undefined
}

/** What the server signs with. Each of them reports to the audit by itself. */
export interface TokenSigner {
  /** The key of access tokens, Transaction Tokens and grants. Nothing it signs may end after `notAfter`. */
  oauthKey(): Promise<{ readonly key: SigningKey; readonly notAfter: number }>
  issueJwtSvid(order: { spiffeId: string; audience: readonly string[]; expiresAt: number }): Promise<IssuedSvid>
  issueWit(order: { spiffeId: string; publicKey: PublicJwk; expiresAt: number }): Promise<IssuedSvid>
  /** @returns the chain as PEM in `token` */
  issueX509Svid(order: { spiffeId: string; publicKey: PublicJwk; expiresAt: number }): Promise<IssuedSvid>
  /** Fresh and unguessable, for `jti` and `txn`. */
  newId(): string
}

export interface IssuedSvid {
  readonly token: string
  readonly expiresAt: number
  readonly id: string
}

/** Who can vouch for a party by a token: a configured issuer, a SPIFFE trust domain, or this service itself. */
export type TokenVoucher = 'issuer' | 'trust-domain' | 'self'

/** Takes tokens of one type in: recognises and verifies them, and says what they mean in the words of all types. */
export interface TokenProfileIn {
  /** Values of `subject_token_type` under which it may come. The first is its own. */
  readonly tokenTypes: readonly string[]
  readonly roles: readonly TokenRole[]
  /** Whose tokens of this type there can be. A rule that names another would never hold. */
  readonly vouchers: readonly TokenVoucher[]
  /** Whether the key of such a token is always proved, so that it is never a bearer token. */
  readonly isBound: boolean
  /**
   * Whether the token has this type's own shape. Decides among profiles that share a declared type such as
   * `urn:ietf:params:oauth:token-type:jwt`: exactly one must say yes. Looks at nothing it would have to trust.
   *
   * @param jws the token taken apart and not verified, once for all profiles; `undefined` when it is no compact JWS
   */
  recognises(token: string, jws: CompactJws | undefined): boolean
  /**
   * Verifies everything there is to verify of the token: type, key, signature, times, and possession of the key that it is
   * bound to where this type is never a bearer token. In the roles `client` and `grant` also the audience; as subject or
   * actor its audience is held against the rule. Whether it may be used here is for the rules.
   *
   * @throws CredentialError, ProofError
   */
  verify(presented: PresentedToken, host: TokenProfileHost): Promise<ExchangedSubject>
}

/** Gives tokens of one type out. */
export interface TokenProfileOut {
  /** Values of `requested_token_type` by which it is asked for. The first goes into `issued_token_type`. */
  readonly tokenTypes: readonly string[]
  /** Whether it can say which key its holder must prove: an order without a key, or with one, may not be to be served. */
  readonly binding: 'always' | 'optional' | 'never'
  /**
   * Issues what was ordered, and nothing wider: the order's end, audience and scopes are limits.
   *
   * @throws OAuthError when the type cannot say what was ordered
   */
  issue(order: TokenOrder, host: TokenProfileHost): Promise<IssuedToken>
}

/**
 * One type of token at the token service. A type that is only taken or only given has one half.
 *
 * Without state: everything that may change is in the host.
 */
export interface TokenProfile {
  readonly in?: TokenProfileIn
  readonly out?: TokenProfileOut
}
