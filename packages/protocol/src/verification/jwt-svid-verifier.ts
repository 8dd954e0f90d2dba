import type { TrustStore } from '../bundle/trust-store.ts'
import type { JsonObject } from '../encoding/strict-json.ts'
import type { WorkloadId } from '../identifier/workload-id.ts'
import { verifyJwsSignature } from '../jws/compact-jws.ts'
import { HeaderMemo, type JwsHeader } from '../jws/jws-header.ts'
import { SVID_ALGORITHMS } from '../keys/algorithm.ts'
import { type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { CredentialError } from './credential-error.ts'
import {
  decodeCredential,
  parseSubject,
  requireCredentialAlgorithm,
  requireOriginTrust,
  selectCredentialKey,
} from './decode-credential.ts'
import { requireAudience } from './require-audience.ts'
import { parseTimes, type TimePolicy, validateTimes } from './time-window.ts'

/** Header parameters a JWT-SVID may have. Section 2. */
const HEADER_PARAMETERS = new Set(['alg', 'kid', 'typ'])

export interface VerifiedJwtSvid {
  readonly subject: WorkloadId
  readonly audience: readonly string[]
  readonly expiresAt: number
  readonly claims: JsonObject
}

/**
 * Verifies JWT-SVIDs. They are bearer tokens: whoever holds one is believed, so policy decides where they count.
 *
 * @see JWT-SVID sections 2 to 5
 */
export class JwtSvidVerifier {
  readonly #trust: TrustStore
  readonly #times: TimePolicy
  readonly #headers = new HeaderMemo()

  constructor(options: { readonly trust: TrustStore } & TimePolicy) {
    this.#trust = options.trust
    this.#times = options
  }

  /**
   * @param token compact JWS, without "Bearer "
   * @param audience the verifier's own name or names; one must be among the token's audiences
   * @param now seconds since the Unix epoch
   * @throws CredentialError `ERR_CREDENTIAL_*`
   */
  verify(token: string, audience: string | readonly string[], now: number): Eventual<VerifiedJwtSvid> {
    const jws = decodeCredential(token, this.#headers)
    rejectHeader(jws.header)
    const alg = requireCredentialAlgorithm(jws.header.alg, SVID_ALGORITHMS)
    const subject = parseSubject(jws.payload['sub'])
    if (subject.scheme !== 'spiffe') {
      throw new CredentialError('ERR_CREDENTIAL_SUBJECT', 'credential subject is not a SPIFFE ID')
    }
    const trust = requireOriginTrust(this.#trust, subject)
    return whenReady(selectCredentialKey(trust.jwtKeys, jws.header.kid, alg, trust.origin), (key) =>
      whenReady(verifyJwsSignature(jws, key), (authentic) => {
        if (authentic !== true) {
          throw new CredentialError('ERR_CREDENTIAL_SIGNATURE', 'credential signature is wrong', {
            detail: trust.origin,
          })
        }
        const times = parseTimes(jws.payload)
        validateTimes(times, now, this.#times)
        const audiences = requireAudience(jws.payload['aud'], audience)
        return { subject, audience: audiences, expiresAt: times.expiresAt, claims: jws.payload }
      }),
    )
  }
}

function rejectHeader(header: JwsHeader): void {
  for (const name of Object.keys(header.parameters)) {
    if (!HEADER_PARAMETERS.has(name)) {
      throw new CredentialError('ERR_CREDENTIAL_HEADER', 'a JWT-SVID header must not have other parameters', {
        detail: name.slice(0, 64),
      })
    }
  }
  // Section 2.3. A WIT shown as a bearer token ends here.
  if (header.typ !== undefined && header.typ !== 'JWT' && header.typ !== 'JOSE') {
    throw new CredentialError('ERR_CREDENTIAL_TYPE', 'credential is not a JWT-SVID', {
      detail: `typ ${header.typ.slice(0, 64)}`,
    })
  }
}
