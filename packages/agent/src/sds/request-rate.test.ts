import { FakeClock } from '@countersign/testing'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { RequestRate } from './request-rate.ts'

const isRefused = expect.objectContaining({ code: status.RESOURCE_EXHAUSTED })

function spent(clock: FakeClock): RequestRate {
  const rate = new RequestRate(clock)
  for (let count = 0; count < 200; count++) rate.count()
  expect(() => rate.count()).toThrow(isRefused)
  return rate
}

describe('RequestRate', () => {
  it('admits a burst, and then so many a second', () => {
    const clock = new FakeClock()
    const rate = spent(clock)
    clock.jump(1)
    for (let count = 0; count < 10; count++) rate.count()
    expect(() => rate.count()).toThrow(isRefused)
  })

  it('saves up no more than a burst', () => {
    const clock = new FakeClock()
    const rate = spent(clock)
    clock.jump(86_400)
    for (let count = 0; count < 200; count++) rate.count()
    expect(() => rate.count()).toThrow(isRefused)
  })

  it('gains nothing from a clock that is set back', () => {
    const clock = new FakeClock()
    const rate = spent(clock)
    clock.jump(-3600)
    expect(() => rate.count()).toThrow(isRefused)
    clock.jump(1)
    rate.count()
  })
})
