/** SPIFFE Federation section 5.1.2: "If not set, a reasonably low default value should apply", five minutes. */
const DEFAULT_HINT_SECONDS = 300
/** A partner's hint is a wish: it can neither make this server hammer the endpoint nor fall asleep. */
const MIN_SECONDS = 10
const MAX_SECONDS = 3600
/** Failing endpoints are tried less and less often, down to this. */
const MAX_BACKOFF_SECONDS = 600
/** Keeps many servers from fetching in step. */
const JITTER = 0.1

/**
 * Seconds until the next attempt.
 *
 * @param hintSeconds `spiffe_refresh_hint` of the stored bundle
 * @param failures attempts that failed since the last success
 * @param random 0 (inclusive) to 1 (exclusive)
 */
export function refreshDelay(hintSeconds: number | undefined, failures: number, random: number): number {
  const interval = Math.min(Math.max(hintSeconds ?? DEFAULT_HINT_SECONDS, MIN_SECONDS), MAX_SECONDS)
  const backoff = interval * 2 ** Math.min(Math.max(failures - 1, 0), 16)
  const delay = Math.max(interval, Math.min(backoff, MAX_BACKOFF_SECONDS))
  return delay * (1 - JITTER + 2 * JITTER * random)
}
