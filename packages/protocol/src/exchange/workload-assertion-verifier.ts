import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import type { ReplayMemory } from '../verification/replay-memory.ts'
import type { TimePolicy } from '../verification/time-window.ts'
import { requireText } from '../verification/txn-token-claims.ts'
import { requireServerAudience, type ServerNames } from './assertion-audience.ts'
import { type FindIssuer, type IssuedJwt, IssuedJwtVerifier, type JwtKind } from './issued-jwt-verifier.ts'
import { JWT_TYPES } from './oauth-names.ts'
import { useOnce } from './single-use.ts'
import { optionalTokenId, rejectPurposes } from './token-purpose.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/** What an operator lets the assertions of one issuer do. */
export interface AssertionPolicy extends TimePolicy {
  /** The older audience: the token endpoint's URL. Default false. */
  readonly allowsTokenEndpointAudience?: boolean
  /** The same assertion may come again until it expires: a platform that hands one out for an hour. Default false. */
  readonly allowsReuse?: boolean
}

export interface AssertionVerifierOptions {
  readonly crypto: CryptoBackend
  readonly names: ServerNames
  readonly replayMemory: ReplayMemory
}

export interface VerifiedAssertion<Issuer extends TrustedIssuer = TrustedIssuer> extends IssuedJwt<Issuer> {
  readonly subject: string
  readonly id: string | undefined
}

const KIND: JwtKind = { types: [JWT_TYPES.clientAuthentication], acceptsUntyped: true }

/**
 * Claims that only tokens of another purpose have: of an ID token, an access token, a Transaction Token, a logout token. Most
 * platforms' tokens say nothing of their type, so what they say of their purpose is looked at. A token with `cnf` is bound
 * to a key; shown as an assertion it would be good without.
 */
const OTHER_PURPOSES = ['nonce', 'at_hash', 'c_hash', 's_hash', 'scope', 'scp', 'txn', 'events', 'cnf', 'typ'] as const

/**
 * Verifies client assertions in RFC 7523's own profile: a platform says who a workload is. `iss` need not be `sub`, and
 * `jti` need not be there, as in the tokens of Kubernetes service accounts. What OpenID Connect demands beyond that is
 * `PrivateKeyJwtVerifier`'s.
 *
 * @see RFC 7523 section 3; draft-ietf-oauth-rfc7523bis; draft-ietf-wimse-workload-identity-practices
 */
export class WorkloadAssertionVerifier {
  readonly #options: AssertionVerifierOptions
  readonly #jwts: IssuedJwtVerifier

  constructor(options: AssertionVerifierOptions) {
    this.#options = options
    this.#jwts = new IssuedJwtVerifier(options.crypto)
  }

  /**
   * @param policyOf what the operator lets this issuer do
   * @throws CredentialError `ERR_CREDENTIAL_*`; the caller answers `invalid_client`
   */
  verify<Issuer extends TrustedIssuer>(
    assertion: string,
    find: FindIssuer<Issuer>,
    policyOf: (issuer: Issuer) => AssertionPolicy,
    now: number,
  ): Eventual<VerifiedAssertion<Issuer>> {
    return whenReady(this.#jwts.verify(assertion, find, KIND, policyOf, now), (jwt) =>
      this.#validate(jwt, policyOf(jwt.issuer), now),
    )
  }

  #validate<Issuer extends TrustedIssuer>(
    jwt: IssuedJwt<Issuer>,
    policy: AssertionPolicy,
    now: number,
  ): Eventual<VerifiedAssertion<Issuer>> {
    const { names, replayMemory, crypto } = this.#options
    const { claims, issuer } = jwt
    rejectPurposes(claims, OTHER_PURPOSES)
    requireServerAudience(claims['aud'], names, policy.allowsTokenEndpointAudience === true)
    const subject = requireText(claims, 'sub', 'ERR_CREDENTIAL_SUBJECT')
    const id = optionalTokenId(claims)
    const verified = { ...jwt, subject, id }
    if (policy.allowsReuse === true) return verified
    // Without an id, its content is its name: a second signature over the same does not make it another one.
    const use = { issuer: issuer.name, subject, id: id ?? jwt.contentDigest, times: jwt.times }
    return whenReady(useOnce(use, replayMemory, crypto, now, policy), () => verified)
  }
}
