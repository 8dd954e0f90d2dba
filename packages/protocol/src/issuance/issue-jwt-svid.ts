import type { Codec } from '../encoding/codec.ts'
import type { WorkloadId } from '../identifier/workload-id.ts'
import { encodeJwsHeader, signJws } from '../jws/sign-jws.ts'
import { SVID_ALGORITHMS } from '../keys/algorithm.ts'
import type { Eventual, SigningKey } from '../keys/crypto-backend.ts'
import { IssuanceError } from './issuance-error.ts'

export interface JwtSvidContent {
  readonly subject: WorkloadId
  /** At least one. A token for several can be replayed by one of them to another. */
  readonly audience: readonly string[]
  /** Seconds since the Unix epoch. */
  readonly now: number
  readonly ttlSeconds: number
  readonly issuer?: string
  /** `jti`. */
  readonly id?: string
}

/**
 * Issues JWT-SVIDs under one key. `iat` is always set: relying parties outside SPIFFE demand it.
 *
 * @see JWT-SVID sections 2 and 3
 */
export class JwtSvidIssuer {
  readonly #key: SigningKey
  readonly #header: string
  readonly #codec: Codec | undefined

  /**
   * @throws IssuanceError `ERR_ISSUANCE_ALGORITHM` for EdDSA
   * @throws IssuanceError `ERR_ISSUANCE_KEY_ID` without a `kid`, which deployed validators demand
   */
  constructor(key: SigningKey, codec?: Codec) {
    const kid = key.publicJwk.kid
    if (!SVID_ALGORITHMS.includes(key.alg)) {
      throw new IssuanceError('ERR_ISSUANCE_ALGORITHM', `a JWT-SVID must not use ${key.alg}`)
    }
    if (kid === undefined) throw new IssuanceError('ERR_ISSUANCE_KEY_ID', 'a JWT-SVID needs a signing key with a kid')
    this.#key = key
    this.#codec = codec
    this.#header = encodeJwsHeader({ alg: key.alg, typ: 'JWT', kid })
  }

  /**
   * @returns the compact token
   * @throws IssuanceError `ERR_ISSUANCE_SUBJECT`, `ERR_ISSUANCE_AUDIENCE`, `ERR_ISSUANCE_LIFETIME`
   */
  issue(content: JwtSvidContent): Eventual<string> {
    const { subject, audience, now, ttlSeconds } = content
    if (subject.scheme !== 'spiffe') throw new IssuanceError('ERR_ISSUANCE_SUBJECT', 'subject is not a SPIFFE ID')
    if (audience.length === 0 || audience.includes('')) {
      throw new IssuanceError('ERR_ISSUANCE_AUDIENCE', 'at least one audience is needed, and none may be empty')
    }
    if (!(ttlSeconds > 0 && Number.isFinite(ttlSeconds)))
      throw new IssuanceError('ERR_ISSUANCE_LIFETIME', 'lifetime must be positive')
    const claims = {
      ...(content.issuer === undefined ? {} : { iss: content.issuer }),
      sub: subject.toString(),
      aud: audience,
      iat: now,
      exp: now + ttlSeconds,
      ...(content.id === undefined ? {} : { jti: content.id }),
    }
    return signJws(this.#header, claims, this.#key, this.#codec)
  }
}
