import type { IssuerSettings, PresentedToken, TokenProfileHost, TokenProfileIn } from '@countersign/plugin-kit'
import type { CompactJws } from '@countersign/protocol'
import {
  type ExchangedSubject,
  IdTokenVerifier,
  mapClaims,
  requireClaims,
  TOKEN_TYPES,
} from '@countersign/protocol/exchange'

const PROFILE = 'oidc-id-token'
/** How subjects of other tokens begin that say as little of their type. */
const OTHER_SUBJECT = /^(?:spiffe:\/\/|system:serviceaccount:)/

/**
 * Takes ID tokens of configured OpenID providers in, as subject or actor. As a client assertion one would let every relying
 * party act as its users.
 *
 * @see OpenID Connect Core 1.0 section 3.1.3.7; RFC 8693 section 3
 */
export class OidcIdTokenIn implements TokenProfileIn {
  readonly tokenTypes = [TOKEN_TYPES.idToken]
  readonly roles = ['subject', 'actor'] as const
  readonly vouchers = ['issuer'] as const
  readonly isBound = false
  readonly #verifiers = new WeakMap<TokenProfileHost, IdTokenVerifier>()

  recognises(_token: string, jws: CompactJws | undefined): boolean {
    if (jws === undefined) return false
    const { typ } = jws.header
    const { sub } = jws.payload
    return (typ === undefined || typ.toUpperCase() === 'JWT') && typeof sub === 'string' && !OTHER_SUBJECT.test(sub)
  }

  async verify({ token, now }: PresentedToken, host: TokenProfileHost): Promise<ExchangedSubject> {
    const verifier = this.#verifiers.get(host) ?? new IdTokenVerifier(host.crypto)
    this.#verifiers.set(host, verifier)
    const find = (iss: string, kid: string | undefined) => host.findIssuer(PROFILE, iss, kid)
    const verified = await verifier.verify(token, find, timesOf, now)
    const { issuer, claims, times, subject } = verified
    requireClaims(claims, issuer.requiredClaims)
    const { jti } = claims
    return {
      profile: PROFILE,
      issuer: issuer.name,
      issuerUrl: issuer.url,
      subject,
      localSubject: issuer.subjectPrefix + subject,
      claims: mapClaims(claims, issuer.mappedClaims),
      scopes: undefined,
      audience: verified.audience,
      expiresAt: times.expiresAt,
      issuedAt: times.issuedAt,
      tokenId: typeof jti === 'string' ? jti : undefined,
      confirmation: verified.confirmation,
      confirmationKey: undefined,
      actor: undefined,
      mayAct: undefined,
      clientId: verified.authorizedParty,
      transaction: undefined,
      digest: await host.crypto.sha256Base64url(token),
    }
  }
}

function timesOf({ maxLifetimeSeconds }: IssuerSettings) {
  return maxLifetimeSeconds === undefined ? {} : { maxLifetimeSeconds }
}
