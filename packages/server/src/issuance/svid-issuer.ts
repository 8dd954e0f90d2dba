import type { Token, X509Credential } from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'
import {
  type CryptoBackend,
  encodeBase64url,
  issueX509Svid,
  JwtSvidIssuer,
  parsePublicJwk,
  randomSerial,
  WitIssuer,
  WorkloadId,
} from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { Audit, CredentialKind } from '../audit/audit.ts'
import type { IssuanceGate } from '../recovery/issuance-gate.ts'
import type { Authorities, SigningAuthority } from './authorities.ts'
import { AuthorityError } from './authority-error.ts'
import { BACKDATE_SECONDS } from './backdate.ts'

/** For whom, how long at most, and on whose behalf. */
interface IssueRequest {
  readonly spiffeId: string
  readonly ttlSeconds: number
  /** Whatever happens, not valid from here on. */
  readonly endsAt?: number | undefined
  readonly agentId?: string
  readonly entryId?: string
}

export interface X509IssueRequest extends IssueRequest {
  readonly kind: Extract<CredentialKind, 'x509-svid' | 'agent-svid' | 'server-svid'>
  /** A public JWK, not checked yet. */
  readonly publicKey: unknown
  readonly dnsNames?: readonly string[] | undefined
}

export interface WitIssueRequest extends IssueRequest {
  /** A public JWK with `alg`, not checked yet. */
  readonly publicKey: unknown
}

export interface JwtIssueRequest extends IssueRequest {
  readonly audience: readonly string[]
}

export interface IssuedX509 extends X509Credential {
  /** Hexadecimal. */
  readonly serial: string
  readonly authorityId: string
}

export interface SvidIssuerOptions {
  readonly authorities: Authorities
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly audit: Audit
  /** `iss` of JWT-SVIDs. */
  readonly jwtIssuer?: string | undefined
  readonly gate: Pick<IssuanceGate, 'requireClock' | 'requireOpen'>
}

/**
 * Signs credentials. Who may have one is decided before. Nothing outlives the key that signed it, so a key can be
 * withdrawn when its time is over.
 */
export class SvidIssuer {
  readonly #options: SvidIssuerOptions
  readonly #jwtIssuers = new WeakMap<SigningAuthority, JwtSvidIssuer>()
  readonly #witIssuers = new WeakMap<SigningAuthority, WitIssuer>()

  constructor(options: SvidIssuerOptions) {
    this.#options = options
  }

  /**
   * @param signer another than the active authority, for the server itself
   * @throws KeyError, CertificateError for a key that cannot be certified; AuthorityError `ERR_AUTHORITY_NONE_ACTIVE`
   * @throws HoldError `ERR_HOLD_RESTORED`, `ERR_HOLD_CLOCK`
   */
  async issueX509(request: X509IssueRequest, signer?: SigningAuthority): Promise<IssuedX509> {
    const { authorities, crypto, clock, gate } = this.#options
    // Its own identity is what the server refuses everybody else with.
    if (request.kind === 'server-svid') gate.requireClock()
    else gate.requireOpen()
    const signing = signer ?? (await authorities.active('x509'))
    if (signing.x509Issuer === undefined) throw new TypeError('x509 authority has no certificate')
    const now = clock.now()
    const expiresAt = endOf(request, signing, now)
    const serialBytes = randomSerial(crypto)
    const leaf = await issueX509Svid({
      issuer: signing.x509Issuer,
      publicKeySpki: await crypto.exportSpki(parsePublicJwk(request.publicKey)),
      subject: WorkloadId.parse(request.spiffeId),
      notBefore: now - BACKDATE_SECONDS,
      notAfter: expiresAt,
      serial: serialBytes,
      ...(request.dnsNames === undefined ? {} : { dnsNames: [...request.dnsNames] }),
    })
    const serial = Buffer.from(serialBytes).toString('hex')
    this.#report(request.kind, request, signing, expiresAt, serial)
    const chain = [leaf, ...(signing.intermediates ?? [])].map((der) => Buffer.from(der).toString('base64'))
    return { spiffeId: request.spiffeId, chain, expiresAt, serial, authorityId: signing.authority.id }
  }

  /** @throws KeyError, IssuanceError for a confirmation key that the profile does not allow; AuthorityError */
  async issueWit(request: WitIssueRequest): Promise<Token> {
    this.#options.gate.requireOpen()
    const signing = await this.#options.authorities.active('wit')
    const issuer = this.#witIssuers.get(signing) ?? new WitIssuer(signing.key, 'wit-svid', nodeCrypto.codec)
    this.#witIssuers.set(signing, issuer)
    const confirmationKey = parsePublicJwk(request.publicKey)
    return this.#issueToken('wit-svid', request, signing, (common) => issuer.issue({ ...common, confirmationKey }))
  }

  /** @throws IssuanceError for an empty audience; AuthorityError `ERR_AUTHORITY_NONE_ACTIVE` */
  async issueJwt(request: JwtIssueRequest): Promise<Token> {
    this.#options.gate.requireOpen()
    const signing = await this.#options.authorities.active('jwt')
    const issuer = this.#jwtIssuers.get(signing) ?? new JwtSvidIssuer(signing.key, nodeCrypto.codec)
    this.#jwtIssuers.set(signing, issuer)
    const { audience } = request
    const issuerClaim = this.#options.jwtIssuer === undefined ? {} : { issuer: this.#options.jwtIssuer }
    return this.#issueToken('jwt-svid', request, signing, (common) =>
      issuer.issue({ ...common, ...issuerClaim, audience }),
    )
  }

  async #issueToken(
    kind: CredentialKind,
    request: IssueRequest,
    signing: SigningAuthority,
    issue: (common: { subject: WorkloadId; now: number; ttlSeconds: number; id: string }) => string | Promise<string>,
  ): Promise<Token> {
    const { clock, crypto } = this.#options
    const now = clock.now()
    const expiresAt = endOf(request, signing, now)
    const id = encodeBase64url(crypto.randomBytes(16))
    const subject = WorkloadId.parse(request.spiffeId)
    const token = await issue({ subject, now, ttlSeconds: expiresAt - now, id })
    this.#report(kind, request, signing, expiresAt, id)
    return { spiffeId: request.spiffeId, token, issuedAt: now, expiresAt }
  }

  #report(kind: CredentialKind, request: IssueRequest, signing: SigningAuthority, expiresAt: number, serial: string) {
    this.#options.audit.credentialIssued({
      kind,
      spiffeId: request.spiffeId,
      expiresAt,
      serial,
      authorityId: signing.authority.id,
      ...(request.agentId === undefined ? {} : { agentId: request.agentId }),
      ...(request.entryId === undefined ? {} : { entryId: request.entryId }),
    })
  }
}

function endOf(request: IssueRequest, { authority }: SigningAuthority, now: number): number {
  const end = Math.min(now + request.ttlSeconds, authority.notAfter, request.endsAt ?? Number.MAX_SAFE_INTEGER)
  if (end <= now) throw new AuthorityError('ERR_AUTHORITY_NONE_ACTIVE', 'no time is left for a credential')
  return end
}
