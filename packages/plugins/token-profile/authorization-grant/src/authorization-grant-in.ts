import type { IssuerSettings, PresentedToken, TokenProfileHost, TokenProfileIn } from '@countersign/plugin-kit'
import { type CompactJws, isType } from '@countersign/protocol'
import {
  ChainingGrantVerifier,
  type ExchangedSubject,
  type GrantPolicy,
  JWT_TYPES,
  mapClaims,
  requireClaims,
  TOKEN_TYPES,
} from '@countersign/protocol/exchange'
import { requireForeignActor, requireForeignName } from './require-foreign-name.ts'

const PROFILE = 'authorization-grant'

/**
 * Takes grants of other domains' authorization servers in. Good for a grant and for nothing else: as a subject token it could
 * be exchanged for another grant, and so on.
 *
 * @see draft-ietf-oauth-identity-chaining, "Processing rules"; RFC 7523 section 3
 */
export class AuthorizationGrantIn implements TokenProfileIn {
  readonly tokenTypes = [TOKEN_TYPES.jwt]
  readonly roles = ['grant'] as const
  readonly vouchers = ['issuer'] as const
  readonly isBound = false
  readonly #verifiers = new WeakMap<TokenProfileHost, ChainingGrantVerifier>()

  recognises(_token: string, jws: CompactJws | undefined): boolean {
    if (jws === undefined) return false
    const { typ } = jws.header
    return typ === undefined || typ.toUpperCase() === 'JWT' || isType(jws.header, JWT_TYPES.authorizationGrant)
  }

  async verify({ token, now }: PresentedToken, host: TokenProfileHost): Promise<ExchangedSubject> {
    const find = (iss: string, kid: string | undefined) => host.findIssuer(PROFILE, iss, kid)
    const policyOf = (issuer: IssuerSettings): GrantPolicy => ({
      allowsReuse: issuer.allowsReuse,
      ...(issuer.maxLifetimeSeconds === undefined ? {} : { maxLifetimeSeconds: issuer.maxLifetimeSeconds }),
      validateClaims: (claims) => requireClaims(claims, issuer.requiredClaims),
      validateParties: ({ subject, actor }) => {
        requireForeignName(subject, host.trustDomain)
        requireForeignActor(actor, host.trustDomain)
      },
    })
    const grant = await this.#verifierFor(host).verify(token, find, policyOf, now)
    const { issuer, subject, times } = grant
    return {
      profile: PROFILE,
      issuer: issuer.name,
      issuerUrl: issuer.url,
      subject,
      localSubject: issuer.subjectPrefix + subject,
      claims: mapClaims(grant.claims, issuer.mappedClaims),
      scopes: grant.scopes,
      audience: grant.audience,
      expiresAt: times.expiresAt,
      issuedAt: times.issuedAt,
      tokenId: grant.id,
      confirmation: grant.requestedConfirmation,
      confirmationKey: undefined,
      actor: grant.actor,
      mayAct: grant.mayAct,
      clientId: undefined,
      transaction: undefined,
      digest: await host.crypto.sha256Base64url(token),
    }
  }

  #verifierFor(host: TokenProfileHost): ChainingGrantVerifier {
    const { crypto, usedTokens: replayMemory } = host
    const verifier = this.#verifiers.get(host) ?? new ChainingGrantVerifier({ crypto, names: host, replayMemory })
    this.#verifiers.set(host, verifier)
    return verifier
  }
}
