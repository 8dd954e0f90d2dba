import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { RefusalLimit } from './refusal-limit.ts'

describe('RefusalLimit', () => {
  it('lets one of each sort through in a minute, and tells how many it left out', () => {
    const clock = new FakeClock()
    const limit = new RefusalLimit(clock)
    expect([limit.admit('a'), limit.admit('b')]).toEqual([0, 0])
    for (let count = 0; count < 1000; count++) expect(limit.admit('a')).toBe(undefined)
    clock.jump(59)
    expect(limit.admit('a')).toBe(undefined)
    clock.jump(1)
    expect([limit.admit('a'), limit.admit('a'), limit.admit('b')]).toEqual([1001, undefined, 0])
    clock.jump(60)
    expect(limit.admit('a')).toBe(1)
  })

  it('stays silent no longer when the clock is set back', () => {
    const clock = new FakeClock()
    const limit = new RefusalLimit(clock)
    limit.admit('a')
    clock.jump(-3600)
    expect(limit.admit('a')).toBe(0)
  })
})
