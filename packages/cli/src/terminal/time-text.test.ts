import { describe, expect, it } from 'vitest'
import { durationText, isoTime, relativeTime, timeText } from './time-text.ts'

const NOW = 1_795_384_800

describe('time as text', () => {
  it('writes whole seconds in UTC', () => {
    expect(isoTime(NOW)).toBe('2026-11-22T22:00:00Z')
  })

  it('writes the bare number for a time beyond the calendar', () => {
    expect(isoTime(1e20)).toBe('100000000000000000000')
  })

  it.each([
    [0, '0 s'],
    [59, '59 s'],
    [720, '12 min'],
    [3_661, '1 h 1 min'],
    [90_000, '1 d 1 h'],
    [86_401, '1 d'],
  ])('rounds %i seconds to two units', (seconds, shown) => {
    expect(durationText(seconds)).toBe(shown)
  })

  it.each([
    [NOW + 720, 'in 12 min'],
    [NOW - 45, '45 s ago'],
    [NOW, 'now'],
  ])('says how far away %i is', (time, shown) => {
    expect(relativeTime(time, NOW)).toBe(shown)
  })

  it('joins both', () => {
    expect(timeText(NOW + 720, NOW)).toBe('2026-11-22T22:12:00Z, in 12 min')
  })
})
