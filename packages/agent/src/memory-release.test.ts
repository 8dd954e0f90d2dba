import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { MemoryRelease } from './memory-release.ts'
import { giveBackFreeMemory } from './socket/libc.ts'

describe('MemoryRelease', () => {
  it('waits until it has been quiet, and then releases once', async () => {
    const clock = new FakeClock()
    let released = 0
    const memory = new MemoryRelease(clock, () => {
      released += 1
    })
    for (let turn = 0; turn < 5; turn++) {
      memory.touch()
      await clock.advance(4)
    }
    expect(released).toBe(0)
    await clock.advance(10)
    expect(released).toBe(1)
    await clock.advance(100)
    expect(released).toBe(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('leaves no timer behind', () => {
    const clock = new FakeClock()
    const memory = new MemoryRelease(clock, () => expect.unreachable('closed'))
    memory.touch()
    memory.close()
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('giveBackFreeMemory', () => {
  it('can be called whatever the C library is', () => {
    expect(giveBackFreeMemory()).toBe(undefined)
  })
})
