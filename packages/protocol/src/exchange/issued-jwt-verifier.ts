import type { JsonObject } from '../encoding/strict-json.ts'
import { verifyJwsSignature } from '../jws/compact-jws.ts'
import { HeaderMemo, isType, type JwsHeader } from '../jws/jws-header.ts'
import { SIGNATURE_ALGORITHMS } from '../keys/algorithm.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { CredentialError } from '../verification/credential-error.ts'
import { decodeCredential, requireCredentialAlgorithm } from '../verification/decode-credential.ts'
import { type CredentialTimes, parseTimes, type TimePolicy, validateTimes } from '../verification/time-window.ts'
import { selectIssuerKey } from './issuer-key.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/** What sort of JWT is looked for. */
export interface JwtKind {
  /** Values of `typ`, without `application/`, that say so. */
  readonly types: readonly string[]
  /** Whether one that says `JWT` or nothing may be meant too: most platforms say no more. */
  readonly acceptsUntyped: boolean
}

/** A JWT that its issuer signed and whose time has come. Nothing else of it is judged. */
export interface IssuedJwt<Issuer extends TrustedIssuer = TrustedIssuer> {
  readonly issuer: Issuer
  readonly header: JwsHeader
  readonly claims: JsonObject
  readonly times: CredentialTimes
  /** Base64url SHA-256 of what the signature covers. Unlike that of the whole text it is the same for every signature. */
  readonly contentDigest: string
}

/** Finds what is configured for an issuer. @throws CredentialError `ERR_CREDENTIAL_ISSUER` */
export type FindIssuer<Issuer extends TrustedIssuer> = (iss: string, kid: string | undefined) => Issuer

/**
 * Verifies JWTs of configured issuers. `iss` chooses among these; whatever else the token names (`jku`, `jwk`, `x5u`) leads
 * nowhere.
 *
 * @see RFC 7519 section 7.2; RFC 8725 sections 3.1, 3.8 and 3.11
 */
export class IssuedJwtVerifier {
  readonly #crypto: CryptoBackend
  readonly #headers = new HeaderMemo()

  constructor(crypto: CryptoBackend) {
    this.#crypto = crypto
  }

  /**
   * @param token compact JWS
   * @param timesOf how times of this issuer's tokens are judged
   * @param now seconds since the Unix epoch
   * @throws CredentialError `ERR_CREDENTIAL_*`
   */
  verify<Issuer extends TrustedIssuer>(
    token: string,
    find: FindIssuer<Issuer>,
    kind: JwtKind,
    timesOf: (issuer: Issuer) => TimePolicy,
    now: number,
  ): Eventual<IssuedJwt<Issuer>> {
    const jws = decodeCredential(token, this.#headers, this.#crypto.codec)
    requireKind(jws.header, kind)
    const iss = jws.payload['iss']
    if (typeof iss !== 'string') throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'credential has no issuer')
    const issuer = find(iss, jws.header.kid)
    // Whoever finds issuers may look at the key's name as well; the name of the issuer must fit whatever it found.
    if (issuer.url !== iss) throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'credential is of another issuer')
    const alg = requireCredentialAlgorithm(jws.header.alg, issuer.algorithms ?? SIGNATURE_ALGORITHMS)
    return whenReady(selectIssuerKey(issuer, jws.header.kid, alg), (key) =>
      whenReady(verifyJwsSignature(jws, key), (authentic) => {
        if (authentic !== true) {
          throw new CredentialError('ERR_CREDENTIAL_SIGNATURE', 'credential signature is wrong', {
            detail: `issuer ${issuer.name}`,
          })
        }
        const stated = parseTimes(jws.payload)
        validateTimes(stated, now, timesOf(issuer))
        return whenReady(this.#crypto.sha256Base64url(token.slice(0, token.lastIndexOf('.'))), (contentDigest) => ({
          issuer,
          header: jws.header,
          claims: jws.payload,
          times: stated,
          contentDigest,
        }))
      }),
    )
  }
}

function requireKind(header: JwsHeader, { types, acceptsUntyped }: JwtKind): void {
  if (types.some((type) => isType(header, type))) return
  if (acceptsUntyped && (header.typ === undefined || header.typ.toUpperCase() === 'JWT')) return
  throw new CredentialError('ERR_CREDENTIAL_TYPE', 'credential is of another type than is asked for', {
    detail: `typ ${header.typ?.slice(0, 64) ?? 'absent'}`,
  })
}
