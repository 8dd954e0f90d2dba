import type { JsonObject } from '../encoding/strict-json.ts'
import { verifyJwsSignature } from '../jws/compact-jws.ts'
import { HeaderMemo, isType } from '../jws/jws-header.ts'
import { SIGNATURE_ALGORITHMS } from '../keys/algorithm.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import { type PublicJwk, parsePublicJwk } from '../keys/public-jwk.ts'
import { jwkThumbprint } from '../keys/thumbprint.ts'
import { CredentialError } from '../verification/credential-error.ts'
import { decodeCredential, requireCredentialAlgorithm } from '../verification/decode-credential.ts'
import { type CredentialTimes, parseTimes, type TimePolicy, validateTimes } from '../verification/time-window.ts'
import { requireText } from '../verification/txn-token-claims.ts'
import { selectIssuerKey } from './issuer-key.ts'
import { JWT_TYPES } from './oauth-names.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/**
 * Finds the attester whose key signed an attestation, among those that are configured.
 *
 * @param iss as the attestation has it. The standard removed it, so an attester need not write it
 * @throws CredentialError `ERR_CREDENTIAL_ISSUER` when none has the key, or several could be meant
 */
export type FindAttester<Attester extends TrustedIssuer> = (
  kid: string | undefined,
  iss: string | undefined,
) => Eventual<Attester>

/** What an attester says of one instance of a client. It authenticates nobody before that instance proved its key. */
export interface VerifiedClientAttestation<Attester extends TrustedIssuer = TrustedIssuer> {
  readonly attester: Attester
  /** `sub`: the `client_id`. */
  readonly subject: string
  /** The key that the instance must prove. Often without `alg`. */
  readonly confirmationJwk: PublicJwk
  /** Of that key. RFC 7638 */
  readonly thumbprint: string
  readonly claims: JsonObject
  readonly times: CredentialTimes
  /** Base64url SHA-256 of the token. */
  readonly digest: string
}

/**
 * Verifies Client Attestation JWTs. Signatures only: a key that attester and server share (MAC) is not taken, since whoever
 * can verify with it can make attestations.
 *
 * @see draft-ietf-oauth-attestation-based-client-auth-11, sections 4 and 7.1
 */
export class ClientAttestationVerifier {
  readonly #crypto: CryptoBackend
  readonly #headers = new HeaderMemo()

  constructor(crypto: CryptoBackend) {
    this.#crypto = crypto
  }

  /**
   * @param token compact JWS
   * @param timesOf how old an attestation of this attester may be
   * @param now seconds since the Unix epoch
   * @throws CredentialError `ERR_CREDENTIAL_*`; `ERR_CREDENTIAL_EXPIRED` and `ERR_CREDENTIAL_TOO_OLD` for one that is
   *   authentic and not fresh enough
   */
  verify<Attester extends TrustedIssuer>(
    token: string,
    find: FindAttester<Attester>,
    timesOf: (attester: Attester) => TimePolicy,
    now: number,
  ): Eventual<VerifiedClientAttestation<Attester>> {
    const jws = decodeCredential(token, this.#headers, this.#crypto.codec)
    const { header, payload: claims } = jws
    if (!isType(header, JWT_TYPES.clientAttestation)) {
      throw new CredentialError('ERR_CREDENTIAL_TYPE', 'credential is not a client attestation', {
        detail: `typ ${header.typ?.slice(0, 64) ?? 'absent'}`,
      })
    }
    const subject = requireText(claims, 'sub', 'ERR_CREDENTIAL_SUBJECT')
    const iss = typeof claims['iss'] === 'string' ? claims['iss'] : undefined
    return whenReady(find(header.kid, iss), (attester) => {
      const alg = requireCredentialAlgorithm(header.alg, attester.algorithms ?? SIGNATURE_ALGORITHMS)
      return whenReady(selectIssuerKey(attester, header.kid, alg), (key) =>
        whenReady(verifyJwsSignature(jws, key), (authentic) => {
          if (authentic !== true) {
            throw new CredentialError('ERR_CREDENTIAL_SIGNATURE', 'credential signature is wrong', {
              detail: `attester ${attester.name}`,
            })
          }
          const times = parseTimes(claims)
          validateTimes(times, now, timesOf(attester))
          const confirmationJwk = requireConfirmationKey(claims)
          return whenReady(jwkThumbprint(confirmationJwk, this.#crypto), (thumbprint) =>
            whenReady(this.#crypto.sha256Base64url(token), (digest) => ({
              attester,
              subject,
              confirmationJwk,
              thumbprint,
              claims,
              times,
              digest,
            })),
          )
        }),
      )
    })
  }
}

function requireConfirmationKey({ cnf }: JsonObject): PublicJwk {
  if (typeof cnf !== 'object' || cnf === null || !('jwk' in cnf)) {
    throw new CredentialError('ERR_CREDENTIAL_CONFIRMATION', 'credential has no confirmation key')
  }
  // RFC 7800 section 3.1: one key at most. Of two, another verifier could take the other.
  if ('jwe' in cnf || 'jku' in cnf) {
    throw new CredentialError('ERR_CREDENTIAL_CONFIRMATION', 'credential has more than one confirmation key')
  }
  try {
    const jwk = parsePublicJwk(cnf.jwk)
    if (jwk.use === undefined || jwk.use === 'sig') return jwk
  } catch (cause) {
    if (!(cause instanceof KeyError)) throw cause
    throw new CredentialError('ERR_CREDENTIAL_CONFIRMATION', `confirmation key: ${cause.message}`, { cause })
  }
  throw new CredentialError('ERR_CREDENTIAL_CONFIRMATION', 'confirmation key: key is not meant for signatures')
}
