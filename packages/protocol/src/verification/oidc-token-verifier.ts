import type { TrustedKeys } from '../bundle/trusted-keys.ts'
import type { JsonObject } from '../encoding/strict-json.ts'
import { type CompactJws, verifyJwsSignature } from '../jws/compact-jws.ts'
import { HeaderMemo, isType, type JwsHeader } from '../jws/jws-header.ts'
import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import { type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { CredentialError } from './credential-error.ts'
import { decodeCredential, requireCredentialAlgorithm, selectCredentialKey } from './decode-credential.ts'
import { requireAudience } from './require-audience.ts'
import { parseTimes, type TimePolicy, validateTimes } from './time-window.ts'

const MAX_SUBJECT_LENGTH = 2048

export interface OidcTokenVerifierOptions extends TimePolicy {
  /** `iss`, compared as text. */
  readonly issuer: string
  /** The verifier's own name at the issuer: a client id, or the resource that access tokens are for. */
  readonly audience: string
  /** Never `none` or an HMAC: the type has none. */
  readonly algorithms: readonly SignatureAlgorithm[]
  /** Clients whose tokens are taken (`azp`, else `client_id`). Without it, the audience itself where it is not alone. */
  readonly authorizedParties?: readonly string[]
}

/** What an issuer says of its user. */
export interface VerifiedOidcToken {
  readonly issuer: string
  /** Unique at the issuer, and nowhere else. */
  readonly subject: string
  readonly expiresAt: number
  readonly claims: JsonObject
}

/**
 * Verifies ID tokens and JWT access tokens of one issuer, shown as bearer tokens by whoever holds them.
 *
 * @see OpenID Connect Core 1.0 section 3.1.3.7; RFC 9068 section 4; RFC 8725
 */
export class OidcTokenVerifier {
  readonly #options: OidcTokenVerifierOptions
  readonly #headers = new HeaderMemo()

  constructor(options: OidcTokenVerifierOptions) {
    if (options.issuer === '' || options.audience === '') throw new TypeError('a verifier needs issuer and audience')
    this.#options = options
  }

  /**
   * @param token compact JWS, without "Bearer "
   * @param keys the issuer's, as known now
   * @param now seconds since the Unix epoch
   * @throws CredentialError `ERR_CREDENTIAL_*`; `ERR_CREDENTIAL_CONFIRMATION` for a token that is bound to a key: whoever
   *   shows it without a proof may have stolen it
   */
  verify(token: string, keys: TrustedKeys, now: number): Eventual<VerifiedOidcToken> {
    const { issuer, algorithms } = this.#options
    const jws = decodeCredential(token, this.#headers)
    rejectOtherType(jws.header)
    const alg = requireCredentialAlgorithm(jws.header.alg, algorithms)
    if (jws.payload['iss'] !== issuer) {
      throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'credential is of another issuer')
    }
    return whenReady(selectCredentialKey(keys, jws.header.kid, alg, issuer, 'issuer'), (key) =>
      whenReady(verifyJwsSignature(jws, key), (authentic) => {
        if (authentic !== true) {
          throw new CredentialError('ERR_CREDENTIAL_SIGNATURE', 'credential signature is wrong', { detail: issuer })
        }
        return this.#validate(jws, now)
      }),
    )
  }

  #validate({ payload: claims }: CompactJws, now: number): VerifiedOidcToken {
    const { issuer, audience } = this.#options
    const times = parseTimes(claims)
    validateTimes(times, now, this.#options)
    this.#requireParty(claims, requireAudience(claims['aud'], audience))
    if (claims['cnf'] !== undefined) {
      throw new CredentialError(
        'ERR_CREDENTIAL_CONFIRMATION',
        'credential is bound to a key and was shown without proof',
      )
    }
    const subject = claims['sub']
    if (typeof subject !== 'string' || subject === '' || subject.length > MAX_SUBJECT_LENGTH) {
      throw new CredentialError('ERR_CREDENTIAL_SUBJECT', 'credential has no subject')
    }
    return { issuer, subject, expiresAt: times.expiresAt, claims }
  }

  /** A token that another client was given names that client, however many audiences it has besides. */
  #requireParty(claims: JsonObject, audiences: readonly string[]): void {
    const { audience, authorizedParties } = this.#options
    const party = claims['azp'] ?? claims['client_id']
    if (authorizedParties !== undefined) {
      if (typeof party === 'string' && authorizedParties.includes(party)) return
    } else if (claims['azp'] === undefined ? audiences.length === 1 : claims['azp'] === audience) return
    throw new CredentialError('ERR_CREDENTIAL_AUDIENCE', 'credential was issued to another client')
  }
}

/** ID tokens, and access tokens of RFC 9068 or of issuers that came before it. All else is made for something else. */
function rejectOtherType(header: JwsHeader): void {
  if (header.typ === undefined || isType(header, 'jwt') || isType(header, 'at+jwt')) return
  throw new CredentialError('ERR_CREDENTIAL_TYPE', 'credential is neither an ID token nor an access token', {
    detail: `typ ${header.typ.slice(0, 64)}`,
  })
}
