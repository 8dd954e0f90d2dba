import type { OriginTrust, TrustStore } from '../bundle/trust-store.ts'
import type { JsonObject } from '../encoding/strict-json.ts'
import type { WorkloadId } from '../identifier/workload-id.ts'
import type { WitProfile } from '../issuance/issue-wit.ts'
import { type CompactJws, MAX_TOKEN_BYTES, verifyJwsSignature } from '../jws/compact-jws.ts'
import { HeaderMemo, isType } from '../jws/jws-header.ts'
import { SIGNATURE_ALGORITHMS, SVID_ALGORITHMS } from '../keys/algorithm.ts'
import { type CryptoBackend, type Eventual, whenFailed, whenReady } from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import { ML_DSA_ALGORITHMS, type TokenAlgorithm } from '../keys/ml-dsa.ts'
import { parsePublicJwk, requireAlgorithm } from '../keys/public-jwk.ts'
import { ConfirmationKeys } from './confirmation-keys.ts'
import { type Confirmation, ConfirmationMemo } from './confirmation-memo.ts'
import { CredentialError } from './credential-error.ts'
import {
  decodeCredential,
  parseSubject,
  requireCredentialAlgorithm,
  requireOriginTrust,
  selectCredentialKey,
} from './decode-credential.ts'
import { SubjectMemo } from './subject-memo.ts'
import { parseTimes, type TimePolicy, validateTimes } from './time-window.ts'
import type { VerifiedWit } from './verified-wit.ts'
import { VerifiedWitCache } from './verified-wit-cache.ts'

export interface WitVerifierOptions extends TimePolicy {
  readonly trust: TrustStore
  readonly crypto: CryptoBackend
  /** `wimse` (default) or SPIFFE's narrower `wit-svid`. */
  readonly profile?: WitProfile
  /**
   * Algorithms accepted, for the token and for its confirmation key. Default: all of `SIGNATURE_ALGORITHMS` that the
   * profile allows. ML-DSA is accepted only when it is named here, and never for a `wit-svid`; the crypto backend must
   * have it too.
   */
  readonly algorithms?: readonly TokenAlgorithm[]
  /** Refuse a token without `kid` even where only one key could have signed it. */
  readonly requireKeyId?: boolean
  /** A present `iss` must be one of the origin's configured issuers. Without this, `iss` is for audit only. */
  readonly enforceIssuers?: boolean
  /** Tokens remembered after verification; 0 turns the memory off. */
  readonly cacheCapacity?: number
}

/**
 * Verifies Workload Identity Tokens. A WIT alone authenticates nobody: it says which key speaks for which workload, and
 * a proof by that key must come with it.
 *
 * @see draft-ietf-wimse-workload-creds, "Workload Identity Token"; WIT-SVID section 4
 */
export class WitVerifier {
  readonly #options: WitVerifierOptions
  readonly #algorithms: readonly TokenAlgorithm[]
  readonly #headers = new HeaderMemo()
  readonly #subjects = new SubjectMemo()
  readonly #confirmations = new ConfirmationMemo()
  readonly #confirmationKeys: ConfirmationKeys
  readonly #cache: VerifiedWitCache

  constructor(options: WitVerifierOptions) {
    this.#options = options
    this.#algorithms = algorithmsOfProfile(options.profile ?? 'wimse', options.algorithms)
    this.#confirmationKeys = new ConfirmationKeys(options.crypto)
    this.#cache = new VerifiedWitCache(options.cacheCapacity)
  }

  /**
   * @param token compact JWS
   * @param now seconds since the Unix epoch
   * @throws CredentialError `ERR_CREDENTIAL_*`, one code for each rule of the draft's list
   */
  verify(token: string, now: number): Eventual<VerifiedWit> {
    // Before the hash: an oversized token must not cost anything.
    if (token.length > MAX_TOKEN_BYTES) {
      throw new CredentialError('ERR_CREDENTIAL_TOO_LARGE', `credential is longer than ${MAX_TOKEN_BYTES} bytes`)
    }
    return whenReady(this.#options.crypto.sha256Base64url(token), (digest) => {
      const known = this.#cache.get(digest)
      if (known !== undefined) {
        if (this.#options.trust.get(known.trust.origin) === known.trust) {
          validateTimes(known.times, now, this.#options)
          return known
        }
        this.#cache.delete(digest)
      }
      return whenReady(this.#verifyUnknown(token, digest, now), (wit) => {
        this.#cache.set(digest, wit)
        return wit
      })
    })
  }

  #verifyUnknown(token: string, digest: string, now: number): Eventual<VerifiedWit> {
    const jws = decodeCredential(token, this.#headers, this.#options.crypto.codec)
    const alg = this.#requireHeader(jws)
    const subject = this.#requireSubject(jws.payload)
    const trust = requireOriginTrust(this.#options.trust, subject)
    const key = selectCredentialKey(trust.witKeys, jws.header.kid, alg, trust.origin)
    return whenReady(key, (issuerKey) =>
      whenReady(verifyJwsSignature(jws, issuerKey), (authentic) => {
        if (authentic !== true) {
          throw new CredentialError('ERR_CREDENTIAL_SIGNATURE', 'credential signature is wrong', {
            detail: subject.origin,
          })
        }
        const times = parseTimes(jws.payload)
        validateTimes(times, now, this.#options)
        const issuer = this.#requireIssuer(jws.payload, trust)
        this.#rejectAudience(jws.payload)
        rejectTokenId(jws.payload)
        this.#subjects.remember(subject)
        return whenReady(this.#requireConfirmation(jws.payload), (confirmation) => ({
          subject,
          confirmationKey: confirmation.key,
          confirmationJwk: confirmation.jwk,
          expiresAt: times.expiresAt,
          issuer,
          claims: jws.payload,
          digest,
          trust,
          times,
        }))
      }),
    )
  }

  #requireHeader({ header }: CompactJws): TokenAlgorithm {
    if (!isType(header, 'wit+jwt')) {
      throw new CredentialError('ERR_CREDENTIAL_TYPE', 'credential is not a workload identity token', {
        detail: `typ ${header.typ?.slice(0, 64) ?? 'absent'}`,
      })
    }
    const alg = requireCredentialAlgorithm(header.alg, this.#algorithms)
    const needsKeyId = this.#options.requireKeyId === true || this.#options.profile === 'wit-svid'
    if (needsKeyId && header.kid === undefined) {
      throw new CredentialError('ERR_CREDENTIAL_HEADER', 'credential does not name its signing key')
    }
    return alg
  }

  #requireSubject(claims: JsonObject): WorkloadId {
    const subject = parseSubject(claims['sub'], this.#subjects)
    if (this.#options.profile === 'wit-svid' && subject.scheme !== 'spiffe') {
      throw new CredentialError('ERR_CREDENTIAL_SUBJECT', 'credential subject is not a SPIFFE ID')
    }
    return subject
  }

  #requireIssuer(claims: JsonObject, trust: OriginTrust): string | undefined {
    const issuer = claims['iss']
    if (issuer === undefined) return undefined
    if (typeof issuer !== 'string')
      throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'credential issuer is not a string')
    if (this.#options.enforceIssuers === true && !trust.issuers.has(issuer)) {
      throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'credential issuer is not accepted for its trust domain', {
        detail: `${trust.origin}, iss ${issuer.slice(0, 200)}`,
      })
    }
    return issuer
  }

  /** WIT-SVID section 3.8: scoping to a recipient belongs to the proof. A plain WIT leaves `aud` undefined. */
  #rejectAudience(claims: JsonObject): void {
    if (this.#options.profile === 'wit-svid' && claims['aud'] !== undefined) {
      throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'a WIT-SVID must not have an audience')
    }
  }

  #requireConfirmation(claims: JsonObject): Eventual<Confirmation> {
    const confirmation = claims['cnf']
    if (typeof confirmation !== 'object' || confirmation === null || !('jwk' in confirmation)) {
      throw new CredentialError('ERR_CREDENTIAL_CONFIRMATION', 'credential has no confirmation key')
    }
    // RFC 7800 section 3.1: one key at most. Of two, another verifier could take the other.
    if ('jwe' in confirmation || 'jku' in confirmation) {
      throw new CredentialError('ERR_CREDENTIAL_CONFIRMATION', 'credential has more than one confirmation key')
    }
    const { jwk: stated } = confirmation
    // Anything but an object is for the parser to refuse.
    if (typeof stated !== 'object' || stated === null) return this.#importConfirmation(stated)
    const members = stated as JsonObject
    const known = this.#confirmations.get(members)
    if (known !== undefined) return known
    return whenReady(this.#importConfirmation(members), (imported) => {
      this.#confirmations.remember(members, imported)
      return imported
    })
  }

  #importConfirmation(stated: unknown): Eventual<Confirmation> {
    try {
      const jwk = parsePublicJwk(stated, this.#algorithms)
      const alg = requireAlgorithm(jwk, this.#algorithms)
      if (!this.#algorithms.includes(alg)) {
        throw new CredentialError(
          'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM',
          'confirmation key algorithm is not allowed',
          { detail: alg },
        )
      }
      const key = whenFailed(this.#confirmationKeys.import(jwk, alg), (error) => {
        throw asConfirmationError(error)
      })
      return whenReady(key, (imported) => ({ jwk, key: imported }))
    } catch (error) {
      throw asConfirmationError(error)
    }
  }
}

function algorithmsOfProfile(
  profile: WitProfile,
  named: readonly TokenAlgorithm[] | undefined,
): readonly TokenAlgorithm[] {
  if (profile === 'wit-svid') return SVID_ALGORITHMS.filter((alg) => named?.includes(alg) ?? true)
  const stable = SIGNATURE_ALGORITHMS.filter((alg) => named?.includes(alg) ?? true)
  return [...stable, ...ML_DSA_ALGORITHMS.filter((alg) => named?.includes(alg) === true)]
}

/** RFC 7519 section 4.1.7. */
function rejectTokenId(claims: JsonObject): void {
  if (claims['jti'] !== undefined && typeof claims['jti'] !== 'string') {
    throw new CredentialError('ERR_CREDENTIAL_MALFORMED', 'credential claim "jti" is not a string')
  }
}

function asConfirmationError(error: unknown): unknown {
  if (!(error instanceof KeyError)) return error
  const code =
    error.code === 'ERR_KEY_ALGORITHM_MISMATCH'
      ? 'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM'
      : 'ERR_CREDENTIAL_CONFIRMATION'
  return new CredentialError(code, `confirmation key: ${error.message}`, {
    cause: error,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  })
}
