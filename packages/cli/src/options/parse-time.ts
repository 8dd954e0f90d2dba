import { InvalidArgumentError } from 'commander'

const ISO_WITH_ZONE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/

/**
 * A point in time as whole epoch seconds: `2026-12-31T23:59:59Z` or the seconds themselves. A time without a zone is
 * refused: it would mean something else on another machine.
 */
export function parseTime(text: string): number {
  if (/^[0-9]{1,11}$/.test(text)) return Number(text)
  const milliseconds = ISO_WITH_ZONE.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(milliseconds)) {
    throw new InvalidArgumentError('Expected a time with its zone, as in 2026-12-31T23:59:59Z, or epoch seconds.')
  }
  return Math.floor(milliseconds / 1000)
}
