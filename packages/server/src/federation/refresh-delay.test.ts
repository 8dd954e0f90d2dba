import { describe, expect, it } from 'vitest'
import { refreshDelay } from './refresh-delay.ts'

describe('refreshDelay', () => {
  it('follows the hint, five minutes without one', () => {
    expect(refreshDelay(60, 0, 0.5)).toBe(60)
    expect(refreshDelay(undefined, 0, 0.5)).toBe(300)
  })

  it('lets no hint hammer an endpoint or put the server to sleep', () => {
    expect(refreshDelay(0, 0, 0.5)).toBe(10)
    expect(refreshDelay(1_000_000, 0, 0.5)).toBe(3600)
  })

  it('doubles with each failure after the first, up to ten minutes or the hint', () => {
    expect([1, 2, 3, 4, 5, 100].map((failures) => refreshDelay(60, failures, 0.5))).toEqual([
      60, 120, 240, 480, 600, 600,
    ])
    expect(refreshDelay(3600, 5, 0.5)).toBe(3600)
  })

  it('spreads by a tenth to either side', () => {
    expect(refreshDelay(100, 0, 0)).toBeCloseTo(90)
    expect(refreshDelay(100, 0, 0.999999)).toBeCloseTo(110, 3)
  })
})
