import type { PresentedToken, TokenProfileHost, TokenProfileIn } from '@countersign/plugin-kit'
import { type CompactJws, ProofError, TrustedKeys, type VerifiedWit } from '@countersign/protocol'
import {
  type ExchangedSubject,
  IssuedJwtVerifier,
  requireScopes,
  requireServerAudience,
  requireText,
  TOKEN_TYPES,
  type TrustedIssuer,
} from '@countersign/protocol/exchange'

const PROFILE = 'self-signed'
/** One is made for one request. */
const MAX_LIFETIME_SECONDS = 300
const KIND = { types: ['JWT'], acceptsUntyped: true }
/** By its age, `iat` must be there. */
const TIMES = {
  maxLifetimeSeconds: MAX_LIFETIME_SECONDS,
  maxAgeSeconds: MAX_LIFETIME_SECONDS,
  rejectFutureIssuedAt: true,
}

/**
 * Takes a JWT that a workload made itself, to begin a transaction for somebody. Believed by the key of the WIT that the same
 * request proves, so it is always the client's own.
 *
 * @see draft-ietf-oauth-transaction-tokens, "Self-Signed Subject Token Type"
 */
export class SelfSignedIn implements TokenProfileIn {
  readonly tokenTypes = [TOKEN_TYPES.selfSigned]
  readonly roles = ['subject'] as const
  readonly vouchers = ['trust-domain'] as const
  readonly isBound = true

  recognises(_token: string, jws: CompactJws | undefined): boolean {
    if (jws === undefined) return false
    const { typ } = jws.header
    return (typ === undefined || typ.toUpperCase() === 'JWT') && typeof jws.payload['iss'] === 'string'
  }

  async verify({ token, provenWit, now }: PresentedToken, host: TokenProfileHost): Promise<ExchangedSubject> {
    if (provenWit === undefined) {
      throw new ProofError('ERR_PROOF_MISSING', 'a self-signed token counts beside the identity token of its signer')
    }
    const find = (_iss: string, kid: string | undefined) => signerOf(provenWit, kid, host)
    const jwt = await new IssuedJwtVerifier(host.crypto).verify(token, find, KIND, () => TIMES, now)
    const { claims, times } = jwt
    requireServerAudience(claims['aud'], host, false)
    const signer = provenWit.subject.toString()
    const subject = requireText(claims, 'sub', 'ERR_CREDENTIAL_SUBJECT')
    return {
      profile: PROFILE,
      issuer: provenWit.subject.trustDomain,
      issuerUrl: provenWit.subject.origin,
      subject,
      // A workload speaks for itself. Whom else it names could be a user of a login server, or another workload's.
      localSubject: subject === signer ? subject : `urn:countersign:self-signed:${signer}:${subject}`,
      claims: {},
      scopes: claims['scope'] === undefined ? undefined : requireScopes(claims),
      audience: [host.issuer],
      expiresAt: times.expiresAt,
      issuedAt: times.issuedAt,
      tokenId: undefined,
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

/** Nobody but the workload that sends it: the verifier refuses an `iss` that is another. */
function signerOf(wit: VerifiedWit, kid: string | undefined, host: TokenProfileHost): TrustedIssuer {
  const url = wit.subject.toString()
  // A WIT confirms one key, so it does not matter what the workload calls it.
  const key = kid === undefined ? wit.confirmationJwk : { ...wit.confirmationJwk, kid }
  return { name: url, url, keys: new TrustedKeys([key], host.crypto) }
}
