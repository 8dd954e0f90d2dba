import type { JsonObject } from '../encoding/strict-json.ts'
import { isType } from '../jws/jws-header.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import type { ReplayMemory } from '../verification/replay-memory.ts'
import type { TimePolicy } from '../verification/time-window.ts'
import { requireScopes, requireText } from '../verification/txn-token-claims.ts'
import { type Actor, type MayAct, parseActor, parseMayAct } from './actor-chain.ts'
import { requireOwnAudience, type ServerNames } from './assertion-audience.ts'
import type { Confirmation } from './confirmation.ts'
import { qualifyActors } from './foreign-names.ts'
import { type FindIssuer, type IssuedJwt, IssuedJwtVerifier, type JwtKind } from './issued-jwt-verifier.ts'
import { JWT_TYPES } from './oauth-names.ts'
import { parseRequestedConfirmation } from './requested-confirmation.ts'
import { useOnce } from './single-use.ts'
import { optionalTokenId, rejectPurposes } from './token-purpose.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/** Longest lifetime of a grant where nothing else is said. It is used at once; what is left of its time is an attacker's. */
export const DEFAULT_MAX_GRANT_LIFETIME_SECONDS = 300

/** What an operator lets the grants of one issuer do. */
export interface GrantPolicy extends TimePolicy {
  /** The same grant may come again until it expires. Default false. */
  readonly allowsReuse?: boolean
  /** What else must hold of its claims, the tenant among them. Runs before the grant is used up. */
  validateClaims?(claims: JsonObject): void
  /** What must hold of the names in it. Runs before the grant is used up. */
  validateParties?(parties: { readonly subject: string; readonly actor: Actor | undefined }): void
}

export interface ChainingGrantVerifierOptions {
  readonly crypto: CryptoBackend
  readonly names: ServerNames
  readonly replayMemory: ReplayMemory
}

/** A grant of another domain: what its authorization server says of a subject, for this server alone. */
export interface VerifiedChainingGrant<Issuer extends TrustedIssuer = TrustedIssuer> extends IssuedJwt<Issuer> {
  readonly subject: string
  readonly audience: readonly string[]
  readonly id: string | undefined
  /** `undefined` when the grant does not say. */
  readonly scopes: readonly string[] | undefined
  /** `requested_cnf`: the key that its issuer saw a proof of. */
  readonly requestedConfirmation: Confirmation | undefined
  /** Who acted in the other domain. Each has the issuer that it was named by. */
  readonly actor: Actor | undefined
  readonly mayAct: MayAct | undefined
}

/** The draft's own examples have no `typ`. */
const KIND: JwtKind = { types: [JWT_TYPES.authorizationGrant], acceptsUntyped: true }

/** Only tokens of another purpose have these: what does not say that it is a grant must not look like anything else. */
const OTHER_PURPOSES = [
  'nonce',
  'at_hash',
  'c_hash',
  's_hash',
  'scope',
  'scp',
  'txn',
  'events',
  'typ',
  'azp',
  'client_id',
]

/**
 * Verifies JWT authorization grants of other trust domains.
 *
 * @see RFC 7523 section 3; draft-ietf-oauth-identity-chaining, "Processing rules" and "Delegated Key Binding"
 */
export class ChainingGrantVerifier {
  readonly #options: ChainingGrantVerifierOptions
  readonly #jwts: IssuedJwtVerifier

  constructor(options: ChainingGrantVerifierOptions) {
    this.#options = options
    this.#jwts = new IssuedJwtVerifier(options.crypto)
  }

  /**
   * @param policyOf what the operator lets this issuer do
   * @param now seconds since the Unix epoch
   * @throws CredentialError `ERR_CREDENTIAL_*`; the caller answers `invalid_grant`
   */
  verify<Issuer extends TrustedIssuer>(
    grant: string,
    find: FindIssuer<Issuer>,
    policyOf: (issuer: Issuer) => GrantPolicy,
    now: number,
  ): Eventual<VerifiedChainingGrant<Issuer>> {
    const withDefaults = (issuer: Issuer): GrantPolicy => ({
      maxLifetimeSeconds: DEFAULT_MAX_GRANT_LIFETIME_SECONDS,
      rejectFutureIssuedAt: true,
      ...policyOf(issuer),
    })
    const { crypto } = this.#options
    return whenReady(this.#jwts.verify(grant, find, KIND, withDefaults, now), (jwt) =>
      whenReady(parseRequestedConfirmation(jwt.claims, crypto), (requested) =>
        this.#validate(jwt, requested, withDefaults(jwt.issuer), now),
      ),
    )
  }

  #validate<Issuer extends TrustedIssuer>(
    jwt: IssuedJwt<Issuer>,
    requestedConfirmation: Confirmation | undefined,
    policy: GrantPolicy,
    now: number,
  ): Eventual<VerifiedChainingGrant<Issuer>> {
    const { names, replayMemory, crypto } = this.#options
    const { claims, header, issuer, times } = jwt
    if (!isType(header, JWT_TYPES.authorizationGrant)) rejectPurposes(claims, OTHER_PURPOSES)
    // Bound to a key as it is, it would be good here without; a key for the new token comes in "requested_cnf".
    rejectPurposes(claims, ['cnf'])
    requireOwnAudience(claims['aud'], names)
    const subject = requireText(claims, 'sub', 'ERR_CREDENTIAL_SUBJECT')
    const id = optionalTokenId(claims)
    const verified: VerifiedChainingGrant<Issuer> = {
      ...jwt,
      subject,
      audience: [claims['aud']].flat() as string[],
      id,
      scopes: claims['scope'] === undefined ? undefined : requireScopes(claims),
      requestedConfirmation,
      actor: qualifyActors(parseActor(claims), issuer.url, names.issuer),
      mayAct: parseMayAct(claims),
    }
    policy.validateClaims?.(claims)
    policy.validateParties?.(verified)
    if (policy.allowsReuse === true) return verified
    const use = { issuer: issuer.name, subject, id: id ?? jwt.contentDigest, times }
    return whenReady(useOnce(use, replayMemory, crypto, now, policy), () => verified)
  }
}
