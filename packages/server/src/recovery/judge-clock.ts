/** What speaks against the time that the clock shows. */
export type ClockFault = 'behind' | 'ahead' | 'absurd'

const DAY = 86_400
/** As time servers and virtual machines set clocks back. */
const TOLERANCE_SECONDS = 60
/** A server that was away for longer is asked about rather than a clock believed that was never set. */
const MAX_ABSENCE_SECONDS = 366 * DAY
/** 2025-01-01 and 2100-01-01: before this program was written, and beyond what it may live to see. */
const EARLIEST = 1_735_689_600
const LATEST = 4_102_444_800

/**
 * A clock that was never set starts in 1970 or in 2099; one that runs back makes credentials that are not valid yet, or no
 * more.
 *
 * @param newest time at which this server last did something, 0 when it never has
 * @returns `undefined` for a time that can be right
 */
export function judgeClock(now: number, newest: number): ClockFault | undefined {
  if (now < EARLIEST || now > LATEST) return 'absurd'
  if (newest === 0) return undefined
  if (now < newest - TOLERANCE_SECONDS) return 'behind'
  return now > newest + MAX_ABSENCE_SECONDS ? 'ahead' : undefined
}
