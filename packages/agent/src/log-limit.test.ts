import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { LogLimit } from './log-limit.ts'

const admitted = (limit: LogLimit, count: number, subject: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => limit.admit(subject(index))).filter((each) => each !== undefined).length

describe('LogLimit', () => {
  it('lets ten lines a minute through, and then says how many more there were', () => {
    const clock = new FakeClock()
    const limit = new LogLimit(clock)
    expect(admitted(limit, 15, () => 'a')).toBe(10)
    clock.jump(60)
    expect(limit.admit('a')).toEqual({ more: 5 })
    expect(limit.admit('a')).toEqual({})
  })

  it('does not let one subject silence another', () => {
    const limit = new LogLimit(new FakeClock())
    admitted(limit, 15, () => 'a')
    expect(limit.admit('b')).toEqual({})
  })

  it('starts over when the clock was set back', () => {
    const clock = new FakeClock()
    const limit = new LogLimit(clock)
    admitted(limit, 15, () => 'a')
    clock.jump(-3600)
    expect(limit.admit('a')).toEqual({ more: 5 })
  })

  it('is not escaped by ever new subjects', () => {
    const clock = new FakeClock()
    const limit = new LogLimit(clock)
    expect(admitted(limit, 5000, (index) => `s${index}`)).toBe(1024 + 10)
    clock.jump(60)
    expect(limit.admit('s4000')).toEqual({})
  })
})
