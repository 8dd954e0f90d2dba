import type { OriginTrust, TrustStore } from '../bundle/trust-store.ts'
import type { TrustedKeys } from '../bundle/trusted-keys.ts'
import type { Codec } from '../encoding/codec.ts'
import { IdentifierError } from '../identifier/identifier-error.ts'
import { WorkloadId } from '../identifier/workload-id.ts'
import { type CompactJws, decodeUnverifiedJws } from '../jws/compact-jws.ts'
import { JwsError } from '../jws/jws-error.ts'
import type { HeaderMemo } from '../jws/jws-header.ts'
import { isSignatureAlgorithm } from '../keys/algorithm.ts'
import { type Eventual, type VerificationKey, whenFailed } from '../keys/crypto-backend.ts'
import { KeyError } from '../keys/key-error.ts'
import { isMlDsaAlgorithm, type TokenAlgorithm } from '../keys/ml-dsa.ts'
import { CredentialError } from './credential-error.ts'
import type { SubjectMemo } from './subject-memo.ts'

/** {@link decodeUnverifiedJws} with the codes of a credential. */
export function decodeCredential(token: string, memo: HeaderMemo, codec?: Codec): CompactJws {
  try {
    return decodeUnverifiedJws(token, memo, codec)
  } catch (error) {
    if (!(error instanceof JwsError)) throw error
    const code = error.code === 'ERR_JWS_TOO_LARGE' ? 'ERR_CREDENTIAL_TOO_LARGE' : 'ERR_CREDENTIAL_MALFORMED'
    throw new CredentialError(code, error.message, { cause: error, ...(error.detail ? { detail: error.detail } : {}) })
  }
}

/** @throws CredentialError `ERR_CREDENTIAL_ALGORITHM` unless `alg` is one of `allowed`; never `none` or an HMAC */
export function requireCredentialAlgorithm<Alg extends TokenAlgorithm>(alg: string, allowed: readonly Alg[]): Alg {
  const known = isSignatureAlgorithm(alg) || isMlDsaAlgorithm(alg) ? allowed.find((each) => each === alg) : undefined
  if (known !== undefined) return known
  throw new CredentialError('ERR_CREDENTIAL_ALGORITHM', 'credential algorithm is not allowed', {
    detail: `alg ${alg.slice(0, 32)}`,
  })
}

/**
 * @param memo remembers parsed subjects
 * @throws CredentialError `ERR_CREDENTIAL_SUBJECT` unless `sub` is one Workload Identifier
 */
export function parseSubject(sub: unknown, memo?: SubjectMemo): WorkloadId {
  if (typeof sub !== 'string') throw new CredentialError('ERR_CREDENTIAL_SUBJECT', 'credential has no subject')
  try {
    return memo === undefined ? WorkloadId.parse(sub) : memo.parse(sub)
  } catch (error) {
    if (!(error instanceof IdentifierError)) throw error
    throw new CredentialError('ERR_CREDENTIAL_SUBJECT', 'credential subject is not a workload identifier', {
      detail: `${error.code}: ${error.message}`,
      cause: error,
    })
  }
}

/**
 * Trust starts from the origin of `sub` alone. `iss`, `jku`, `jwk`, `x5u` and the request's host say nothing here: they
 * are the sender's words.
 *
 * @throws CredentialError `ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN`
 */
export function requireOriginTrust(trust: TrustStore, subject: WorkloadId): OriginTrust {
  const originTrust = trust.get(subject.origin)
  if (originTrust === undefined) {
    throw new CredentialError('ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN', 'trust domain is not trusted here', {
      detail: subject.origin,
    })
  }
  return originTrust
}

/** Who vouches by keys. */
export type KeyHolder = 'trust domain' | 'issuer'

/**
 * @param name of whoever holds the keys, for the log: an origin, or an issuer
 * @param holder what that is, for whoever reads the message
 * @throws CredentialError `ERR_CREDENTIAL_KEY_UNKNOWN`, `ERR_CREDENTIAL_KEY_AMBIGUOUS`
 */
export function selectCredentialKey(
  keys: TrustedKeys,
  kid: string | undefined,
  alg: TokenAlgorithm,
  name: string,
  holder: KeyHolder = 'trust domain',
): Eventual<VerificationKey> {
  // Only for a refusal: the text would cost more than the look-up.
  const wanted = () => `${name}, kid ${kid === undefined ? 'absent' : `"${kid.slice(0, 64)}"`}, alg ${alg}`
  try {
    const selection = keys.select(kid, alg)
    if (selection === 'unknown') throw unknownKey(holder, wanted())
    if (selection === 'ambiguous') {
      throw new CredentialError(
        'ERR_CREDENTIAL_KEY_AMBIGUOUS',
        'credential does not say which of several keys signed it',
      )
    }
    return whenFailed(selection, (error) => {
      throw asUnknownKey(error, holder, wanted())
    })
  } catch (error) {
    throw asUnknownKey(error, holder, wanted())
  }
}

/** A trusted key that is no valid key vouches for nothing, as if it were not there. */
function asUnknownKey(error: unknown, holder: KeyHolder, wanted: string): unknown {
  return error instanceof KeyError ? unknownKey(holder, `${wanted}: ${error.message}`, error) : error
}

function unknownKey(holder: KeyHolder, detail: string, cause?: KeyError): CredentialError {
  return new CredentialError(
    'ERR_CREDENTIAL_KEY_UNKNOWN',
    `no trusted key of the ${holder} has this name and type`,
    cause === undefined ? { detail } : { detail, cause },
  )
}
