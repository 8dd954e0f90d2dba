import type { JsonObject } from '../encoding/strict-json.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { CredentialError } from '../verification/credential-error.ts'
import type { TimePolicy } from '../verification/time-window.ts'
import { requireText } from '../verification/txn-token-claims.ts'
import { requireAudiences } from './access-token-verifier.ts'
import { type Confirmation, parseConfirmation } from './confirmation.ts'
import { type FindIssuer, type IssuedJwt, IssuedJwtVerifier, type JwtKind } from './issued-jwt-verifier.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/** OpenID Connect Core 1.0 section 2. */
const MAX_SUBJECT_LENGTH = 255

/** What an OpenID provider says of its user. */
export interface VerifiedIdToken<Issuer extends TrustedIssuer = TrustedIssuer> extends IssuedJwt<Issuer> {
  readonly subject: string
  /** Whom it was given to: of several audiences the authorized party alone. */
  readonly audience: readonly string[]
  /** `azp`. */
  readonly authorizedParty: string | undefined
  readonly confirmation: Confirmation | undefined
}

/** ID tokens say `JWT` or nothing. */
const KIND: JwtKind = { types: [], acceptsUntyped: true }

/** Of access tokens, Transaction Tokens and logout tokens, which many providers do not type either. */
const OTHER_PURPOSES = ['scope', 'scp', 'txn', 'events', 'kubernetes.io'] as const

/**
 * Verifies ID tokens that somebody brings to be exchanged. `nonce`, `at_hash` and `c_hash` bind the token to a sign-in that
 * only the relying party saw: that one checks them, and here they say nothing.
 *
 * @see OpenID Connect Core 1.0 sections 2 and 3.1.3.7
 */
export class IdTokenVerifier {
  readonly #jwts: IssuedJwtVerifier

  constructor(crypto: CryptoBackend) {
    this.#jwts = new IssuedJwtVerifier(crypto)
  }

  /**
   * @param timesOf how times of this issuer's tokens are judged
   * @param now seconds since the Unix epoch
   * @throws CredentialError `ERR_CREDENTIAL_*`
   */
  verify<Issuer extends TrustedIssuer>(
    token: string,
    find: FindIssuer<Issuer>,
    timesOf: (issuer: Issuer) => TimePolicy,
    now: number,
  ): Eventual<VerifiedIdToken<Issuer>> {
    const policyOf = (issuer: Issuer) => ({ rejectFutureIssuedAt: true, ...timesOf(issuer) })
    return whenReady(this.#jwts.verify(token, find, KIND, policyOf, now), (jwt) => {
      const { claims, times } = jwt
      rejectOtherPurposes(claims)
      if (times.issuedAt === undefined) throw new CredentialError('ERR_CREDENTIAL_MALFORMED', 'credential has no "iat"')
      const subject = requireText(claims, 'sub', 'ERR_CREDENTIAL_SUBJECT')
      if (subject.length > MAX_SUBJECT_LENGTH) {
        throw new CredentialError('ERR_CREDENTIAL_SUBJECT', 'credential has a subject that is too long')
      }
      const authorizedParty =
        claims['azp'] === undefined ? undefined : requireText(claims, 'azp', 'ERR_CREDENTIAL_AUDIENCE')
      const audience = requireParty(requireAudiences(claims['aud']), authorizedParty)
      return { ...jwt, subject, audience, authorizedParty, confirmation: parseConfirmation(claims) }
    })
  }
}

/** Keycloak's tokens say in the claim `typ` what they are. */
function rejectOtherPurposes(claims: JsonObject): void {
  const other = OTHER_PURPOSES.find((name) => claims[name] !== undefined)
  const isOtherwiseTyped = claims['typ'] !== undefined && claims['typ'] !== 'ID'
  if (other === undefined && !isOtherwiseTyped) return
  throw new CredentialError('ERR_CREDENTIAL_TYPE', 'credential is no ID token', { detail: `claim ${other ?? 'typ'}` })
}

/**
 * Of several audiences, only the authorized party was given the token; the others may be named without having asked. With
 * a list anyone at the provider could have a token that names us besides.
 */
function requireParty(audience: readonly string[], authorizedParty: string | undefined): readonly string[] {
  if (audience.length === 1) return audience
  if (authorizedParty !== undefined && audience.includes(authorizedParty)) return [authorizedParty]
  throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'credential is for several, and says not to whom it was given')
}
