/** Share of the lifetime by which renewal may come earlier or later, so that what was issued together is not renewed together. */
const JITTER = 0.1

/**
 * When to renew: half-way through the lifetime, give or take a tenth of it.
 *
 * @param random from 0 up to 1
 * @returns epoch seconds
 */
export function renewalTime(issuedAt: number, expiresAt: number, random: number): number {
  const lifetime = Math.max(0, expiresAt - issuedAt)
  return issuedAt + Math.floor(lifetime * (0.5 + JITTER * (2 * random - 1)))
}
