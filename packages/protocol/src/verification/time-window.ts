import type { JsonObject } from '../encoding/strict-json.ts'
import { CredentialError } from './credential-error.ts'

/** Tolerated clock difference where a verifier sets none, in seconds. */
export const DEFAULT_CLOCK_SKEW_SECONDS = 30

/** How the times of a credential are judged. All in seconds. */
export interface TimePolicy {
  readonly clockSkewSeconds?: number
  /** Longest time from issue (`iat`, else `nbf`, else now) to `exp`. */
  readonly maxLifetimeSeconds?: number
  /** Refuse an `iat` beyond now and skew. Off by default: `iat` is for audit, `nbf` is what delays validity. */
  readonly rejectFutureIssuedAt?: boolean
  /** Refuse a credential issued longer ago than this. */
  readonly maxAgeSeconds?: number
}

/** The times a credential states, checked for shape only. */
export interface CredentialTimes {
  readonly expiresAt: number
  readonly notBefore: number | undefined
  readonly issuedAt: number | undefined
}

/**
 * @throws CredentialError `ERR_CREDENTIAL_MALFORMED` when `exp` is missing, or a time is not a finite number
 * @see RFC 7519 sections 2 (NumericDate) and 4.1.4 to 4.1.6
 */
export function parseTimes(claims: JsonObject): CredentialTimes {
  const expiresAt = numericDate(claims, 'exp')
  if (expiresAt === undefined) throw new CredentialError('ERR_CREDENTIAL_MALFORMED', 'credential has no "exp"')
  return { expiresAt, notBefore: numericDate(claims, 'nbf'), issuedAt: numericDate(claims, 'iat') }
}

/**
 * @throws CredentialError `ERR_CREDENTIAL_EXPIRED` when `exp + skew <= now`
 * @throws CredentialError `ERR_CREDENTIAL_NOT_YET_VALID` when `nbf - skew > now`
 * @throws CredentialError `ERR_CREDENTIAL_ISSUED_IN_FUTURE`, `ERR_CREDENTIAL_TOO_OLD`, `ERR_CREDENTIAL_LIFETIME` as the
 *   policy asks
 */
export function validateTimes(times: CredentialTimes, now: number, policy: TimePolicy): void {
  const skew = policy.clockSkewSeconds ?? DEFAULT_CLOCK_SKEW_SECONDS
  const { expiresAt, notBefore, issuedAt } = times
  // Each comparison is written so that a time that is no number, or was forgotten, is refused.
  if (!(expiresAt + skew > now)) {
    throw new CredentialError('ERR_CREDENTIAL_EXPIRED', 'credential has expired', {
      detail: `exp ${expiresAt}, now ${now}`,
    })
  }
  if (notBefore !== undefined && !(notBefore - skew <= now)) {
    throw new CredentialError('ERR_CREDENTIAL_NOT_YET_VALID', 'credential is not valid yet', {
      detail: `nbf ${notBefore}, now ${now}`,
    })
  }
  if (policy.rejectFutureIssuedAt === true && issuedAt !== undefined && !(issuedAt - skew <= now)) {
    throw new CredentialError('ERR_CREDENTIAL_ISSUED_IN_FUTURE', 'credential was issued in the future')
  }
  if (
    policy.maxAgeSeconds !== undefined &&
    (issuedAt === undefined || !(now - issuedAt <= policy.maxAgeSeconds + skew))
  ) {
    throw new CredentialError('ERR_CREDENTIAL_TOO_OLD', 'credential was issued too long ago')
  }
  // A back-dated `iat` cannot hide a far `exp`: what remains is limited too.
  const start = Math.min(issuedAt ?? notBefore ?? now, now)
  if (policy.maxLifetimeSeconds !== undefined && !(expiresAt - start <= policy.maxLifetimeSeconds + skew)) {
    throw new CredentialError('ERR_CREDENTIAL_LIFETIME', 'credential lives longer than allowed')
  }
}

/**
 * The time before which nobody with this policy can have accepted a credential of an issuer whose clock is right, as far as
 * the credential tells. Seconds since the Unix epoch; `undefined` when it tells nothing.
 */
export function usableFrom(
  { expiresAt, notBefore, issuedAt }: CredentialTimes,
  policy: TimePolicy,
): number | undefined {
  const skew = policy.clockSkewSeconds ?? DEFAULT_CLOCK_SKEW_SECONDS
  const begun = Math.max(issuedAt ?? Number.NEGATIVE_INFINITY, notBefore ?? Number.NEGATIVE_INFINITY)
  if (begun !== Number.NEGATIVE_INFINITY) return begun - skew
  const { maxLifetimeSeconds } = policy
  return maxLifetimeSeconds === undefined ? undefined : expiresAt - maxLifetimeSeconds - skew
}

function numericDate(claims: JsonObject, name: string): number | undefined {
  const value = claims[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new CredentialError('ERR_CREDENTIAL_MALFORMED', `credential claim "${name}" is not a number`)
  }
  return value
}
