import { FakeClock, settle } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { CallSlots } from './call-slots.ts'

describe('CallSlots', () => {
  it('runs so many at a time and the others in order', async () => {
    const slots = new CallSlots({ running: 2, waiting: 10 }, new FakeClock())
    const started: number[] = []
    const ends: (() => void)[] = []
    const calls = [0, 1, 2, 3].map((index) =>
      slots.run(1000, () => {
        started.push(index)
        return new Promise<void>((resolve) => ends.push(resolve))
      }),
    )
    await settle()
    expect(started).toEqual([0, 1])
    ends[1]?.()
    await settle()
    expect(started).toEqual([0, 1, 2])
    ends[0]?.()
    await settle()
    for (const end of ends) end()
    await Promise.all(calls)
    expect(started).toEqual([0, 1, 2, 3])
  })

  it('lets no more wait than it may, and none longer', async () => {
    const clock = new FakeClock()
    const slots = new CallSlots({ running: 1, waiting: 1 }, clock)
    let end = () => {}
    const running = slots.run(
      1000,
      () =>
        new Promise<void>((resolve) => {
          end = resolve
        }),
    )
    const waiting = expect(slots.run(1000, async () => {})).rejects.toMatchObject({ code: 'ERR_AGENT_SERVER_TIMEOUT' })
    await expect(slots.run(1000, async () => {})).rejects.toMatchObject({
      code: 'ERR_AGENT_SERVER_TIMEOUT',
      message: 'too many calls wait for the server',
    })
    await clock.advance(1)
    await waiting
    end()
    await running
    expect(await slots.run(1000, async () => 'free')).toBe('free')
  })
})
