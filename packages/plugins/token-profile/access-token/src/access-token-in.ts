import type { IssuerSettings, PresentedToken, TokenProfileHost, TokenProfileIn } from '@countersign/plugin-kit'
import { type CompactJws, CredentialError, isType } from '@countersign/protocol'
import {
  AccessTokenVerifier,
  type ExchangedSubject,
  JWT_TYPES,
  mapClaims,
  requireClaims,
  TOKEN_TYPES,
  type TrustedIssuer,
} from '@countersign/protocol/exchange'

const PROFILE = 'access-token'

type AccessTokenSource = TrustedIssuer & Pick<IssuerSettings, 'subjectPrefix' | 'requiredClaims' | 'mappedClaims'>

/** Takes JWT access tokens in: of configured authorization servers, and of this one. @see RFC 9068 section 4 */
export class AccessTokenIn implements TokenProfileIn {
  readonly tokenTypes = [TOKEN_TYPES.accessToken, TOKEN_TYPES.jwt]
  readonly roles = ['subject', 'actor'] as const
  readonly vouchers = ['issuer', 'self'] as const
  readonly isBound = false
  readonly #verifiers = new WeakMap<TokenProfileHost, AccessTokenVerifier>()

  recognises(_token: string, jws: CompactJws | undefined): boolean {
    return jws !== undefined && isType(jws.header, JWT_TYPES.accessToken)
  }

  async verify({ token, now }: PresentedToken, host: TokenProfileHost): Promise<ExchangedSubject> {
    const verifier = this.#verifiers.get(host) ?? new AccessTokenVerifier({ crypto: host.crypto })
    this.#verifiers.set(host, verifier)
    const verified = await verifier.verify(token, (iss, kid) => findSource(host, iss, kid), now)
    const { issuer, claims } = verified
    if (issuer.url === host.self.url && (await host.isRevoked(verified.id))) {
      throw new CredentialError('ERR_CREDENTIAL_REVOKED', 'credential was revoked')
    }
    requireClaims(claims, issuer.requiredClaims)
    return {
      profile: PROFILE,
      issuer: issuer.name,
      issuerUrl: issuer.url,
      subject: verified.subject,
      localSubject: issuer.subjectPrefix + verified.subject,
      claims: mapClaims(claims, issuer.mappedClaims),
      scopes: verified.scopes,
      audience: verified.audience,
      expiresAt: verified.expiresAt,
      issuedAt: verified.issuedAt,
      tokenId: verified.id,
      confirmation: verified.confirmation,
      confirmationKey: undefined,
      actor: verified.actor,
      mayAct: verified.mayAct,
      clientId: verified.clientId,
      transaction: undefined,
      digest: await host.crypto.sha256Base64url(token),
    }
  }
}

/** Our own tokens have our own names in them already, so nothing is put before these. */
function findSource(host: TokenProfileHost, iss: string, kid: string | undefined): AccessTokenSource {
  if (iss !== host.self.url) return host.findIssuer(PROFILE, iss, kid)
  const { self } = host
  return { name: self.name, url: self.url, keys: self.keys, subjectPrefix: '', requiredClaims: {}, mappedClaims: {} }
}
