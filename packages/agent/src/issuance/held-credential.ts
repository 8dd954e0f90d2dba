import { renewalTime } from './renewal-time.ts'

export interface Expiring {
  /** Both by the clock of whoever issued it. Epoch seconds. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/** A credential and its times by the clock of this host. Epoch seconds. */
export interface Dated<Credential> {
  readonly credential: Credential
  readonly renewAt: number
  /** The end of it, as far as this host can tell. */
  readonly goodUntil: number
}

export interface Held<Credential> extends Dated<Credential> {
  readonly usedAt: number
}

/** @param random from 0 up to 1 */
export function dated<Credential extends Expiring>(
  credential: Credential,
  now: number,
  random: number,
): Dated<Credential> {
  // Where this host's clock is behind the issuer's, the lifetime tells sooner that it is over.
  const goodUntil = Math.min(credential.expiresAt, now + lifetimeOf(credential))
  return { credential, renewAt: renewalTime(now, goodUntil, random), goodUntil }
}

export function lifetimeOf({ issuedAt, expiresAt }: Expiring): number {
  return expiresAt - issuedAt
}

const MAX_RETRY_SECONDS = 60

/** How long to wait after so many failures in a row. Seconds. */
export function retrySeconds(failures: number, random: number): number {
  return Math.ceil(Math.min(MAX_RETRY_SECONDS, 2 ** Math.min(failures, 10)) * (0.5 + random / 2))
}
