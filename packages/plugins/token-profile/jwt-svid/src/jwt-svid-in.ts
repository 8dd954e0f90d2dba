import type { PresentedToken, TokenProfileHost, TokenProfileIn } from '@countersign/plugin-kit'
import {
  type CompactJws,
  CredentialError,
  decodeUnverifiedJws,
  errorCode,
  JwtSvidVerifier,
} from '@countersign/protocol'
import {
  type ExchangedSubject,
  requireAudiences,
  requireServerAudience,
  TOKEN_TYPES,
} from '@countersign/protocol/exchange'

const PROFILE = 'jwt-svid'
const PLAIN_TYPES: readonly unknown[] = [undefined, 'JWT', 'JOSE']

/**
 * Takes JWT-SVIDs in: verified by the bundle of the subject's own trust domain, whatever `iss` says.
 *
 * @see JWT-SVID sections 4 and 5; draft-ietf-oauth-spiffe-client-auth
 */
export class JwtSvidIn implements TokenProfileIn {
  readonly tokenTypes = [TOKEN_TYPES.jwtSvid, TOKEN_TYPES.jwt]
  readonly roles = ['client', 'subject', 'actor'] as const
  readonly vouchers = ['trust-domain'] as const
  readonly isBound = false
  readonly #verifiers = new WeakMap<TokenProfileHost, JwtSvidVerifier>()

  recognises(_token: string, jws: CompactJws | undefined): boolean {
    if (jws === undefined) return false
    const { sub } = jws.payload
    return PLAIN_TYPES.includes(jws.header.typ) && typeof sub === 'string' && sub.startsWith('spiffe://')
  }

  async verify({ token, role, declaredType, now }: PresentedToken, host: TokenProfileHost): Promise<ExchangedSubject> {
    const { payload } = decode(token)
    if (role === 'client') requireClientAssertion(payload['aud'], declaredType, host)
    const verifier = this.#verifiers.get(host) ?? new JwtSvidVerifier({ trust: host.trust })
    this.#verifiers.set(host, verifier)
    // Which audience a subject may have is the rule's to say: here the token must have one at all.
    const svid = await verifier.verify(token, requireAudiences(payload['aud']), now)
    const { subject, claims } = svid
    const { iat, jti } = claims
    return {
      profile: PROFILE,
      issuer: subject.trustDomain,
      issuerUrl: subject.origin,
      subject: subject.toString(),
      localSubject: subject.toString(),
      claims: {},
      scopes: undefined,
      audience: svid.audience,
      expiresAt: svid.expiresAt,
      issuedAt: typeof iat === 'number' ? iat : undefined,
      tokenId: typeof jti === 'string' ? jti : undefined,
      confirmation: undefined,
      confirmationKey: undefined,
      actor: undefined,
      mayAct: undefined,
      clientId: undefined,
      transaction: undefined,
      digest: await host.crypto.sha256Base64url(token),
    }
  }
}

function decode(token: string) {
  try {
    return decodeUnverifiedJws(token)
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new CredentialError('ERR_CREDENTIAL_MALFORMED', 'credential is not a well-formed token', { cause })
  }
}

/** It has an assertion type of its own, and must be for this server alone: the draft's rule 3, against its own example. */
function requireClientAssertion(aud: unknown, declaredType: string, host: TokenProfileHost): void {
  if (declaredType !== TOKEN_TYPES.jwtSvid) {
    throw new CredentialError('ERR_CREDENTIAL_TYPE', 'a JWT-SVID is a client assertion of type jwt-spiffe')
  }
  requireServerAudience(aud, host, false)
}
