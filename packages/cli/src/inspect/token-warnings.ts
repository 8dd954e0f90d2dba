import { decodeUnverifiedJws, SVID_ALGORITHMS, WorkloadId, WorkloadIdentityError } from '@countersign/protocol'
import { durationText, relativeTime } from '../terminal/time-text.ts'
import type { DecodedToken } from './decode-token.ts'
import type { InspectedKind } from './inspection.ts'
import { isJsonObject } from './json-record.ts'
import { privateMembers } from './redact-private.ts'
import { isSpiffeId } from './token-kind.ts'

/** A WIT should live for hours at most. draft-ietf-wimse-workload-creds. */
const LONG_CREDENTIAL_SECONDS = 86_400
/** What verifiers commonly allow a proof. */
const LONG_PROOF_SECONDS = 300

/** Whatever would make a careful verifier, or its operator, object. Empty for a token with nothing odd about it. */
export function tokenWarnings(token: string, decoded: DecodedToken, kind: InspectedKind, now: number): string[] {
  return [
    ...strictWarnings(token),
    ...headerWarnings(decoded),
    ...timeWarnings(decoded, now),
    ...(kind === 'wit' ? witWarnings(decoded) : []),
    ...(kind === 'wpt' ? wptWarnings(decoded, now) : []),
    ...(kind === 'jwt-svid' ? jwtSvidWarnings(decoded) : []),
    ...(kind === 'wit' || kind === 'jwt-svid' ? subjectWarnings(decoded) : []),
  ]
}

function strictWarnings(token: string): string[] {
  try {
    decodeUnverifiedJws(token)
    return []
  } catch (error) {
    if (!(error instanceof WorkloadIdentityError)) throw error
    return [`a verifier refuses its form: ${error.detail ?? error.message}`]
  }
}

function headerWarnings({ header, signatureBytes }: DecodedToken): string[] {
  const { alg } = header
  const warnings: string[] = []
  if (typeof alg === 'string' && alg.toLowerCase() === 'none') warnings.push('alg is none: the token is not signed')
  else if (signatureBytes === 0) warnings.push('the token has no signature')
  if (typeof alg === 'string' && alg.startsWith('HS')) {
    warnings.push(`alg ${alg} is symmetric: whoever can verify it can also forge it`)
  }
  for (const name of ['jwk', 'jku', 'x5u', 'x5c']) {
    if (header[name] !== undefined) warnings.push(`header ${name} offers a key: keys come from configuration only`)
  }
  return warnings
}

function timeWarnings({ claims }: DecodedToken, now: number): string[] {
  const { exp, nbf, iat } = claims
  const warnings: string[] = []
  if (typeof exp !== 'number') warnings.push('it has no end: exp is missing or not a number')
  else if (exp <= now) warnings.push(`expired ${relativeTime(exp, now)}`)
  if (typeof nbf === 'number' && nbf > now) warnings.push(`not valid yet: begins ${relativeTime(nbf, now)}`)
  if (typeof iat === 'number' && iat > now) warnings.push(`issued in the future: ${relativeTime(iat, now)}`)
  return warnings
}

function witWarnings({ header, claims }: DecodedToken): string[] {
  const isSvid = isSpiffeId(claims['sub'])
  const confirmation = isJsonObject(claims['cnf']) ? claims['cnf']['jwk'] : undefined
  const warnings: string[] = []
  if (!isJsonObject(confirmation)) warnings.push('cnf.jwk is missing: no proof of possession is possible')
  else {
    if (confirmation['alg'] === undefined) warnings.push('cnf.jwk.alg is missing: verifiers must refuse the token')
    if (privateMembers(confirmation).length > 0) {
      warnings.push('cnf.jwk holds a private key: treat the key as stolen')
    }
    if (isSvid && confirmation['alg'] !== undefined && !isSvidAlgorithm(confirmation['alg'])) {
      warnings.push(`cnf.jwk.alg ${String(confirmation['alg'])} is not allowed in a WIT-SVID`)
    }
  }
  if (isSvid && claims['aud'] !== undefined) warnings.push('aud is not allowed in a WIT-SVID')
  if (isSvid && header['kid'] === undefined) warnings.push('kid is missing: a WIT-SVID must name its signing key')
  if (isSvid && !isSvidAlgorithm(header['alg']))
    warnings.push(`alg ${String(header['alg'])} is not allowed in a WIT-SVID`)
  const { exp, iat } = claims
  if (typeof exp === 'number' && typeof iat === 'number' && exp - iat > LONG_CREDENTIAL_SECONDS) {
    warnings.push(`it lives ${durationText(exp - iat)}: hours or less are usual`)
  }
  return warnings
}

function wptWarnings({ claims }: DecodedToken, now: number): string[] {
  const missing = ['aud', 'jti', 'wth'].filter((name) => claims[name] === undefined)
  const { exp } = claims
  return [
    ...missing.map((name) => `${name} is missing: verifiers must refuse the proof`),
    ...(typeof exp === 'number' && exp - now > LONG_PROOF_SECONDS
      ? [`it ends ${relativeTime(exp, now)}: many verifiers allow five minutes`]
      : []),
  ]
}

function jwtSvidWarnings({ header, claims }: DecodedToken): string[] {
  const { aud } = claims
  return [
    ...(Array.isArray(aud) && aud.length > 1 ? ['several audiences: each can replay it to the others'] : []),
    ...(isSvidAlgorithm(header['alg']) ? [] : [`alg ${String(header['alg'])} is not allowed in a JWT-SVID`]),
  ]
}

function subjectWarnings({ claims }: DecodedToken): string[] {
  try {
    WorkloadId.parse(String(claims['sub'] ?? ''))
    return []
  } catch (error) {
    if (!(error instanceof WorkloadIdentityError)) throw error
    return [`sub is no workload identifier: ${error.message}`]
  }
}

function isSvidAlgorithm(alg: unknown): boolean {
  return SVID_ALGORITHMS.some((allowed) => allowed === alg)
}
