import type { Clock, IssuedSvid, TokenSigner } from '@countersign/plugin-kit'
import { type CryptoBackend, encodeBase64url, encodePem, WorkloadId } from '@countersign/protocol'
import { OAuthError } from '@countersign/protocol/exchange'
import type { CryptoPool } from '@countersign/protocol/keys-node'
import type { Authorities } from '../issuance/authorities.ts'
import type { IssuanceRate } from '../issuance/issuance-rate.ts'
import { RateError } from '../issuance/rate-error.ts'
import type { SvidIssuer } from '../issuance/svid-issuer.ts'
import type { IssuanceGate } from '../recovery/issuance-gate.ts'
import { isReserved, RESERVED_PATH } from '../registration/entry-parent.ts'
import type { CertificateStore } from '../store/certificate-store.ts'

export interface ServerTokenSignerParts {
  readonly authorities: Authorities
  readonly issuer: SvidIssuer
  readonly crypto: CryptoBackend
  readonly pool: Pick<CryptoPool, 'signingKey'>
  readonly clock: Clock
  readonly gate: Pick<IssuanceGate, 'requireOpen'>
  readonly certificates: Pick<CertificateStore, 'recordExchanged'>
  readonly issuanceRate: Pick<IssuanceRate, 'take'>
}

/** Lends token profiles the server's keys, by way of what issues SVIDs anyway: with its limits and its audit. */
export class ServerTokenSigner implements TokenSigner {
  readonly #parts: ServerTokenSignerParts

  constructor(parts: ServerTokenSignerParts) {
    this.#parts = parts
  }

  /** @throws AuthorityError `ERR_AUTHORITY_NONE_ACTIVE`; HoldError `ERR_HOLD_RESTORED`, `ERR_HOLD_CLOCK` */
  async oauthKey() {
    this.#parts.gate.requireOpen()
    const { authority, key } = await this.#parts.authorities.active('oauth')
    return { key: this.#parts.pool.signingKey(key), notAfter: authority.notAfter }
  }

  async issueJwtSvid(order: { spiffeId: string; audience: readonly string[]; expiresAt: number }): Promise<IssuedSvid> {
    const { spiffeId, audience, expiresAt } = order
    this.#requireWorkload(spiffeId)
    const { token, expiresAt: end } = await this.#parts.issuer.issueJwt({
      spiffeId,
      audience,
      ...this.#until(expiresAt),
    })
    return { token, expiresAt: end, id: idOf(token) }
  }

  async issueWit(order: Parameters<TokenSigner['issueWit']>[0]): Promise<IssuedSvid> {
    const { spiffeId, publicKey, expiresAt } = order
    this.#requireWorkload(spiffeId)
    const { token, expiresAt: end } = await this.#parts.issuer.issueWit({
      spiffeId,
      publicKey,
      ...this.#until(expiresAt),
    })
    return { token, expiresAt: end, id: idOf(token) }
  }

  async issueX509Svid(order: Parameters<TokenSigner['issueX509Svid']>[0]): Promise<IssuedSvid> {
    const { spiffeId, publicKey, expiresAt } = order
    this.#requireWorkload(spiffeId)
    const { issuer, certificates } = this.#parts
    this.#takeRate(spiffeId)
    const issued = await issuer.issueX509({ kind: 'x509-svid', spiffeId, publicKey, ...this.#until(expiresAt) })
    // Nothing leaves that nobody would know of later.
    const { serial, authorityId, expiresAt: end } = issued
    await certificates.recordExchanged({ serial, authorityId, expiresAt: end })
    const token = encodePem(issued.chain.map((certificate) => Buffer.from(certificate, 'base64')))
    return { token, expiresAt: issued.expiresAt, id: issued.serial }
  }

  newId(): string {
    return encodeBase64url(this.#parts.crypto.randomBytes(16))
  }

  /** The system's own identities come from attestation, and from nothing that a rule says. */
  #requireWorkload(spiffeId: string): void {
    const { path } = WorkloadId.parse(spiffeId)
    if (isReserved(path)) {
      throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', `identifiers below ${RESERVED_PATH} are not given out`)
    }
  }

  /** Rules name such an identity exactly, so nobody makes buckets at will. */
  #takeRate(spiffeId: string): void {
    try {
      this.#parts.issuanceRate.take(spiffeId, 1)
    } catch (cause) {
      if (!(cause instanceof RateError)) throw cause
      throw new OAuthError('ERR_OAUTH_TEMPORARILY_UNAVAILABLE', 'try again later', { cause })
    }
  }

  #until(expiresAt: number) {
    return { ttlSeconds: Math.max(0, expiresAt - this.#parts.clock.now()), endsAt: expiresAt }
  }
}

/** `jti` of a token that this server has just made. */
function idOf(token: string): string {
  const [, claims = ''] = token.split('.')
  const { jti } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { readonly jti: string }
  return jti
}
