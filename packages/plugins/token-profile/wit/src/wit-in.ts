import type { PresentedToken, TokenProfileHost, TokenProfileIn } from '@countersign/plugin-kit'
import { type CompactJws, isType, jwkThumbprint, ProofError, WitVerifier } from '@countersign/protocol'
import { type ExchangedSubject, JWT_TYPES, TOKEN_TYPES } from '@countersign/protocol/exchange'

const PROFILE = 'wit'

/**
 * Takes Workload Identity Tokens in. One alone is refused in every role: the same request must prove its key, by a workload
 * proof token with this very WIT in its own field, or by a DPoP proof of the same key.
 *
 * @see draft-ietf-wimse-workload-creds, "Workload Identity Token"
 */
export class WitIn implements TokenProfileIn {
  readonly tokenTypes = [TOKEN_TYPES.wit]
  readonly roles = ['client', 'subject', 'actor'] as const
  readonly vouchers = ['trust-domain'] as const
  readonly isBound = true
  readonly #verifiers = new WeakMap<TokenProfileHost, WitVerifier>()

  recognises(_token: string, jws: CompactJws | undefined): boolean {
    return jws !== undefined && isType(jws.header, JWT_TYPES.wit)
  }

  async verify({ token, provenWit, proven, now }: PresentedToken, host: TokenProfileHost): Promise<ExchangedSubject> {
    const { crypto, trust } = host
    const verifier = this.#verifiers.get(host) ?? new WitVerifier({ trust, crypto })
    this.#verifiers.set(host, verifier)
    const wit = await verifier.verify(token, now)
    const thumbprint = await jwkThumbprint(wit.confirmationJwk, crypto)
    if (provenWit?.digest !== wit.digest && !proven.jkt.has(thumbprint)) {
      throw new ProofError('ERR_PROOF_MISSING', 'a workload identity token is worth nothing without a proof of its key')
    }
    const { subject, claims } = wit
    const { iat, jti } = claims
    return {
      profile: PROFILE,
      issuer: subject.trustDomain,
      issuerUrl: subject.origin,
      subject: subject.toString(),
      localSubject: subject.toString(),
      claims: {},
      scopes: undefined,
      audience: undefined,
      expiresAt: wit.expiresAt,
      issuedAt: typeof iat === 'number' ? iat : undefined,
      tokenId: typeof jti === 'string' ? jti : undefined,
      confirmation: { kind: 'jkt', thumbprint },
      confirmationKey: wit.confirmationJwk,
      actor: undefined,
      mayAct: undefined,
      clientId: undefined,
      transaction: undefined,
      digest: wit.digest,
    }
  }
}
