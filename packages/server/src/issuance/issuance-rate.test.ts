import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { IssuanceRate } from './issuance-rate.ts'
import { RateError } from './rate-error.ts'

function start(options: { readonly perSecond?: number; readonly burst?: number } = {}) {
  const clock = new FakeClock()
  const rate = new IssuanceRate({ perSecond: 10, burst: 100, clock, ...options })
  const refusal = (agentId: string, count: number) => {
    try {
      rate.take(agentId, count)
    } catch (error) {
      if (error instanceof RateError) return error.headers['retry-after']
      throw error
    }
    return undefined
  }
  return { clock, rate, refusal }
}

describe('issuance rate', () => {
  it('lets an agent have its burst, then its rate, and says when to come back', async () => {
    const { clock, rate, refusal } = start()
    rate.take('a', 100)
    await expectCode(() => rate.take('a', 1), 'ERR_RATE_ISSUANCE')
    expect(refusal('a', 1)).toBe('1')
    expect(refusal('a', 25)).toBe('3')
    clock.jump(3)
    expect(refusal('a', 25)).toBeUndefined()
    expect(refusal('a', 6)).toBe('1')
    expect(refusal('a', 5)).toBeUndefined()
  })

  it('takes nothing for what it refuses', () => {
    const { refusal, rate } = start()
    rate.take('a', 90)
    expect(refusal('a', 11)).toBe('1')
    expect(refusal('a', 10)).toBeUndefined()
  })

  it('holds each agent for itself', () => {
    const { refusal, rate } = start()
    rate.take('a', 100)
    expect(refusal('b', 100)).toBeUndefined()
  })

  it('saves no more than the burst, and nothing for a clock that was set back', () => {
    const { clock, refusal, rate } = start()
    rate.take('a', 100)
    clock.jump(1_000_000)
    expect(refusal('a', 101)).toBe('1')
    rate.take('a', 100)
    clock.jump(-500)
    expect(refusal('a', 1)).toBe('1')
    clock.jump(1)
    expect(refusal('a', 10)).toBeUndefined()
  })

  it('forgets agents that ask no more', () => {
    const { clock, rate } = start()
    for (let agent = 0; agent < 4096; agent++) rate.take(`agent-${agent}`, 1)
    clock.jump(10)
    rate.take('new', 1)
    expect(rate.size).toBe(1)
  })
})
