import type { TrustedKeys } from '../bundle/trusted-keys.ts'
import type { JsonObject } from '../encoding/strict-json.ts'
import { verifyJwsSignature } from '../jws/compact-jws.ts'
import { HeaderMemo, isType, type JwsHeader } from '../jws/jws-header.ts'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../keys/algorithm.ts'
import { type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { CredentialError } from './credential-error.ts'
import { decodeCredential, requireCredentialAlgorithm, selectCredentialKey } from './decode-credential.ts'
import { requireAudience } from './require-audience.ts'
import { parseTimes, type TimePolicy, validateTimes } from './time-window.ts'
import { optionalObject, requireScopes, requireText } from './txn-token-claims.ts'

export interface TxnTokenVerifierOptions extends TimePolicy {
  /** The verifier's own trust domain, which a token must name as its audience. */
  readonly trustDomain: string
  /**
   * The keys of a trust domain's Transaction Token Service, `undefined` when it has none. Asked for each token, so that a
   * key counts no longer once it is removed. Keep `TrustedKeys` between calls: imported keys stay in it.
   */
  readonly keys: (trustDomain: string) => TrustedKeys | undefined
  /** Algorithms accepted. Default: all that are asymmetric. */
  readonly algorithms?: readonly SignatureAlgorithm[]
  /** Refuse a token without `kid` even where only one key could have signed it. */
  readonly requireKeyId?: boolean
}

/** What a Transaction Token says. All of it is for authorization; none of it says who the caller is. */
export interface VerifiedTxnToken {
  /** `txn`: the same in every token of a transaction. */
  readonly transactionId: string
  /** `sub`: for whom the transaction is made. Unique in the trust domain; not always a workload. */
  readonly subject: string
  /** The values of `scope`: what the transaction is for. */
  readonly scopes: readonly string[]
  /** `req_wl`: the workload that asked for the token, as the service names it. */
  readonly requestingWorkload: string
  /** `tctx`: details of the transaction that never change. */
  readonly transactionContext: JsonObject | undefined
  /** `rctx`: where and how the transaction was asked for. */
  readonly requestContext: JsonObject | undefined
  readonly issuedAt: number
  readonly expiresAt: number
  readonly claims: JsonObject
}

/**
 * Verifies Transaction Tokens for a workload. Such a token is no credential: who calls comes from a WIT or a certificate,
 * and the request's proof must bind the token (`tth`), or anybody who saw it could send it.
 *
 * @see draft-ietf-oauth-transaction-tokens, "Txn-Token Format" and "Txn-Token Validation"
 */
export class TxnTokenVerifier {
  readonly #options: TxnTokenVerifierOptions
  readonly #algorithms: readonly SignatureAlgorithm[]
  readonly #headers = new HeaderMemo()

  constructor(options: TxnTokenVerifierOptions) {
    if (options.trustDomain === '') throw new TypeError('a verifier of transaction tokens needs its trust domain')
    this.#options = options
    this.#algorithms = SIGNATURE_ALGORITHMS.filter((alg) => options.algorithms?.includes(alg) ?? true)
  }

  /**
   * @param token compact JWS: the one value of `Txn-Token`
   * @param now seconds since the Unix epoch
   * @throws CredentialError `ERR_CREDENTIAL_*`; `ERR_CREDENTIAL_MALFORMED` also for a claim that is missing or of another
   *   type, except `aud` (`ERR_CREDENTIAL_AUDIENCE`) and `sub` (`ERR_CREDENTIAL_SUBJECT`)
   */
  verify(token: string, now: number): Eventual<VerifiedTxnToken> {
    const { trustDomain } = this.#options
    const jws = decodeCredential(token, this.#headers)
    const alg = this.#requireHeader(jws.header)
    const key = selectCredentialKey(this.#requireKeys(), jws.header.kid, alg, trustDomain)
    return whenReady(key, (serviceKey) =>
      whenReady(verifyJwsSignature(jws, serviceKey), (authentic) => {
        if (authentic !== true) {
          throw new CredentialError('ERR_CREDENTIAL_SIGNATURE', 'credential signature is wrong', {
            detail: trustDomain,
          })
        }
        return this.#validate(jws.payload, now)
      }),
    )
  }

  #requireHeader(header: JwsHeader): SignatureAlgorithm {
    if (!isType(header, 'txntoken+jwt')) {
      throw new CredentialError('ERR_CREDENTIAL_TYPE', 'credential is not a transaction token', {
        detail: `typ ${header.typ?.slice(0, 64) ?? 'absent'}`,
      })
    }
    const alg = requireCredentialAlgorithm(header.alg, this.#algorithms)
    if (this.#options.requireKeyId === true && header.kid === undefined) {
      throw new CredentialError('ERR_CREDENTIAL_HEADER', 'credential does not name its signing key')
    }
    return alg
  }

  /** From the own trust domain alone: `aud` and `iss` are the sender's words until the signature is checked. */
  #requireKeys(): TrustedKeys {
    const { keys, trustDomain } = this.#options
    const trusted = keys(trustDomain)
    if (trusted === undefined) {
      throw new CredentialError('ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN', 'trust domain has no transaction tokens', {
        detail: trustDomain,
      })
    }
    return trusted
  }

  #validate(claims: JsonObject, now: number): VerifiedTxnToken {
    const times = parseTimes(claims)
    const { issuedAt, expiresAt } = times
    if (issuedAt === undefined) throw new CredentialError('ERR_CREDENTIAL_MALFORMED', 'credential has no "iat"')
    validateTimes(times, now, this.#options)
    requireAudience(claims['aud'], this.#options.trustDomain)
    if (claims['iss'] !== undefined && typeof claims['iss'] !== 'string') {
      throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'credential issuer is not a string')
    }
    return {
      transactionId: requireText(claims, 'txn'),
      subject: requireText(claims, 'sub', 'ERR_CREDENTIAL_SUBJECT'),
      scopes: requireScopes(claims),
      requestingWorkload: requireText(claims, 'req_wl'),
      transactionContext: optionalObject(claims, 'tctx'),
      requestContext: optionalObject(claims, 'rctx'),
      issuedAt,
      expiresAt,
      claims,
    }
  }
}
