import type { Codec } from '../encoding/codec.ts'
import type { WorkloadId } from '../identifier/workload-id.ts'
import { encodeJwsHeader, signJws } from '../jws/sign-jws.ts'
import { SVID_ALGORITHMS } from '../keys/algorithm.ts'
import type { Eventual, SigningKey } from '../keys/crypto-backend.ts'
import { isMlDsaAlgorithm, type MlDsaAlgorithm, type TokenAlgorithm } from '../keys/ml-dsa.ts'
import { type PublicJwk, parsePublicJwk, requireAlgorithm } from '../keys/public-jwk.ts'
import { IssuanceError } from './issuance-error.ts'

/** The two profiles of one token: plain WIMSE, and SPIFFE's narrower one. */
export type WitProfile = 'wimse' | 'wit-svid'

export interface WitContent {
  readonly subject: WorkloadId
  /** The workload's public key. Carries `alg`, the only algorithm its proofs may use. */
  readonly confirmationKey: PublicJwk
  /** Seconds since the Unix epoch. */
  readonly now: number
  readonly ttlSeconds: number
  /** `iss`. For audit; a WIT-SVID should have none that OpenID discovery would accept. */
  readonly issuer?: string
  /** `jti`. */
  readonly id?: string
}

/**
 * Issues Workload Identity Tokens under one key. Made once per key, so that the header is encoded once.
 *
 * @see draft-ietf-wimse-workload-creds, "Workload Identity Token"; WIT-SVID sections 2 to 4
 */
export class WitIssuer {
  readonly #key: SigningKey<TokenAlgorithm>
  readonly #profile: WitProfile
  readonly #header: string
  readonly #codec: Codec | undefined
  readonly #mlDsa: readonly MlDsaAlgorithm[]

  /**
   * @param mlDsa ML-DSA algorithms that this issuer may use, for its own key and for confirmation keys: none unless named
   * @throws IssuanceError `ERR_ISSUANCE_ALGORITHM` when the profile does not allow the key's algorithm, or it is ML-DSA
   *   and was not named
   * @throws IssuanceError `ERR_ISSUANCE_KEY_ID` when the profile is `wit-svid` and the key has no `kid`
   */
  constructor(
    key: SigningKey<TokenAlgorithm>,
    profile: WitProfile,
    codec?: Codec,
    mlDsa: readonly MlDsaAlgorithm[] = [],
  ) {
    const kid = key.publicJwk.kid
    if (profile === 'wit-svid') {
      rejectAlgorithm(key.alg)
      if (kid === undefined) throw new IssuanceError('ERR_ISSUANCE_KEY_ID', 'a WIT-SVID needs a signing key with a kid')
    }
    if (isMlDsaAlgorithm(key.alg) && !mlDsa.includes(key.alg)) {
      throw new IssuanceError('ERR_ISSUANCE_ALGORITHM', `issuer was not told to use ${key.alg}`)
    }
    this.#key = key
    // A WIT-SVID has none, whatever was named.
    this.#mlDsa = profile === 'wit-svid' ? [] : mlDsa
    this.#codec = codec
    this.#profile = profile
    this.#header = encodeJwsHeader({ alg: key.alg, typ: 'wit+jwt', ...(kid === undefined ? {} : { kid }) })
  }

  /**
   * @returns the compact token
   * @throws KeyError when the confirmation key is private, ill-formed or names no fitting `alg`
   * @throws IssuanceError `ERR_ISSUANCE_ALGORITHM` for a confirmation key that the profile does not allow
   * @throws IssuanceError `ERR_ISSUANCE_SUBJECT` when the profile is `wit-svid` and the subject is no SPIFFE ID
   * @throws IssuanceError `ERR_ISSUANCE_LIFETIME` unless the lifetime is a positive number of seconds
   */
  issue(content: WitContent): Eventual<string> {
    const { subject, now, ttlSeconds } = content
    if (!(ttlSeconds > 0 && Number.isFinite(ttlSeconds)))
      throw new IssuanceError('ERR_ISSUANCE_LIFETIME', 'lifetime must be positive')
    const jwk = parsePublicJwk(content.confirmationKey, this.#mlDsa)
    const alg = requireAlgorithm(jwk, this.#mlDsa)
    if (this.#profile === 'wit-svid') {
      rejectAlgorithm(alg)
      if (subject.scheme !== 'spiffe') throw new IssuanceError('ERR_ISSUANCE_SUBJECT', 'subject is not a SPIFFE ID')
    }
    const claims = {
      ...(content.issuer === undefined ? {} : { iss: content.issuer }),
      sub: subject.toString(),
      iat: now,
      exp: now + ttlSeconds,
      ...(content.id === undefined ? {} : { jti: content.id }),
      cnf: { jwk },
    }
    return signJws(this.#header, claims, this.#key, this.#codec)
  }
}

function rejectAlgorithm(alg: TokenAlgorithm): void {
  if (isMlDsaAlgorithm(alg) || !SVID_ALGORITHMS.includes(alg)) {
    throw new IssuanceError('ERR_ISSUANCE_ALGORITHM', `a WIT-SVID must not use ${alg}`)
  }
}
