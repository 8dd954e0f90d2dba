import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from './clock.ts'

describe('systemClock', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 1_700_000_000_999 }))
  afterEach(() => void vi.useRealTimers())

  it('counts whole seconds', () => expect(systemClock.now()).toBe(1_700_000_000))

  it('runs once after the delay', () => {
    const run = vi.fn()
    systemClock.schedule(1000, run)
    vi.advanceTimersByTime(999)
    expect(run).toHaveBeenCalledTimes(0)
    vi.advanceTimersByTime(5000)
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('cancels', () => {
    const run = vi.fn()
    systemClock.schedule(1000, run)()
    vi.advanceTimersByTime(2000)
    expect(run).toHaveBeenCalledTimes(0)
  })

  it('does not fire at once on a delay the platform cannot hold', () => {
    const run = vi.fn()
    const cancel = systemClock.schedule(Number.MAX_SAFE_INTEGER, run)
    vi.advanceTimersByTime(60_000)
    expect(run).toHaveBeenCalledTimes(0)
    cancel()
  })
})
