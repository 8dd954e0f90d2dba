import type { JsonObject } from '../encoding/strict-json.ts'
import { isType } from '../jws/jws-header.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { CredentialError } from '../verification/credential-error.ts'
import type { TimePolicy } from '../verification/time-window.ts'
import { requireScopes, requireText } from '../verification/txn-token-claims.ts'
import { type Actor, type MayAct, parseActor, parseMayAct } from './actor-chain.ts'
import { type Confirmation, parseConfirmation } from './confirmation.ts'
import { type FindIssuer, IssuedJwtVerifier, type JwtKind } from './issued-jwt-verifier.ts'
import { JWT_TYPES } from './oauth-names.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'
import { validateUntypedAccessToken } from './untyped-access-token.ts'

/** What an access token says. Whether it is meant for whoever reads it, and who brought it, is still to be asked. */
export interface VerifiedAccessToken<Issuer extends TrustedIssuer = TrustedIssuer> {
  readonly issuer: Issuer
  readonly subject: string
  readonly audience: readonly string[]
  readonly clientId: string
  /** Empty without `scope`. */
  readonly scopes: readonly string[]
  readonly issuedAt: number
  readonly expiresAt: number
  readonly id: string
  /** A token that is bound is good only with a proof of this key. */
  readonly confirmation: Confirmation | undefined
  readonly actor: Actor | undefined
  readonly mayAct: MayAct | undefined
  readonly claims: JsonObject
}

export interface AccessTokenVerifierOptions extends TimePolicy {
  readonly crypto: CryptoBackend
  readonly maxActors?: number
}

const TYPED: JwtKind = { types: [JWT_TYPES.accessToken], acceptsUntyped: false }
/** Whether one that says less is taken is its issuer's to say, who is not known before. */
const PERHAPS_UNTYPED: JwtKind = { ...TYPED, acceptsUntyped: true }

/** Verifies JWT access tokens of configured issuers. @see RFC 9068 section 4 */
export class AccessTokenVerifier {
  readonly #options: AccessTokenVerifierOptions
  readonly #jwts: IssuedJwtVerifier

  constructor(options: AccessTokenVerifierOptions) {
    this.#options = options
    this.#jwts = new IssuedJwtVerifier(options.crypto)
  }

  /**
   * @param token compact JWS, without its scheme
   * @param now seconds since the Unix epoch
   * @param acceptsUntyped whether tokens of this issuer are taken that do not say `at+jwt`, by what their claims say. Default: none
   * @throws CredentialError `ERR_CREDENTIAL_*`
   */
  verify<Issuer extends TrustedIssuer>(
    token: string,
    find: FindIssuer<Issuer>,
    now: number,
    acceptsUntyped?: (issuer: Issuer) => boolean,
  ): Eventual<VerifiedAccessToken<Issuer>> {
    const { maxActors } = this.#options
    return whenReady(
      this.#jwts.verify(token, find, acceptsUntyped === undefined ? TYPED : PERHAPS_UNTYPED, () => this.#options, now),
      ({ issuer, header, claims, times }) => {
        const isTyped = isType(header, JWT_TYPES.accessToken)
        if (!isTyped && acceptsUntyped?.(issuer) !== true) {
          throw new CredentialError('ERR_CREDENTIAL_TYPE', 'credential does not say that it is an access token')
        }
        const clientId = isTyped ? requireText(claims, 'client_id') : validateUntypedAccessToken(claims)
        const { issuedAt, expiresAt } = times
        if (issuedAt === undefined) throw new CredentialError('ERR_CREDENTIAL_MALFORMED', 'credential has no "iat"')
        return {
          issuer,
          subject: requireText(claims, 'sub', 'ERR_CREDENTIAL_SUBJECT'),
          audience: requireAudiences(claims['aud']),
          clientId,
          scopes: claims['scope'] === undefined ? [] : requireScopes(claims),
          issuedAt,
          expiresAt,
          id: requireText(claims, 'jti', 'ERR_CREDENTIAL_ID'),
          confirmation: parseConfirmation(claims),
          actor: parseActor(claims, maxActors),
          mayAct: parseMayAct(claims),
          claims,
        }
      },
    )
  }
}

/** @throws CredentialError `ERR_CREDENTIAL_AUDIENCE` unless there is one, and all are texts */
export function requireAudiences(aud: unknown): readonly string[] {
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (audiences.length === 0 || !audiences.every((member) => typeof member === 'string' && member !== '')) {
    throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'credential has no audience')
  }
  return audiences as readonly string[]
}
