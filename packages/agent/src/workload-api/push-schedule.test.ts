import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { type Follower, PushSchedule } from './push-schedule.ts'

function start(count: number, random: () => number = Math.random) {
  const clock = new FakeClock()
  const schedule = new PushSchedule({ clock, random })
  const woken: number[] = []
  const followers: Follower[] = []
  const world = { concerned: (_index: number) => true }
  const stops = Array.from({ length: count }, (_, index) => {
    const follower: Follower = {
      isConcerned: () => world.concerned(index),
      usesEntries: (entryIds) => entryIds.has(`e${index}`),
      wake: () => woken.push(index),
      alarmAt: undefined,
    }
    followers.push(follower)
    return schedule.add(follower)
  })
  return { clock, schedule, woken, world, stops, followers }
}

describe('PushSchedule', () => {
  it('tells a few at once', () => {
    const { schedule, woken, clock } = start(64)
    schedule.announce()
    expect(woken).toHaveLength(64)
    expect(clock.pendingTimers).toBe(0)
  })

  it('goes by the time it is once it hears that the machine slept or the clock was set', async () => {
    const { schedule, woken, followers, clock } = start(2)
    const [first, second] = followers as [Follower, Follower]
    schedule.wakeAt(first, clock.now() + 100)
    schedule.wakeAt(second, clock.now() + 1000)
    clock.shift(500)
    schedule.rearm()
    await clock.advance(0)
    expect(woken).toEqual([0])
    clock.shift(-400)
    schedule.rearm()
    await clock.advance(899)
    expect(woken).toEqual([0])
    await clock.advance(1)
    expect(woken).toEqual([0, 1])
    expect(clock.pendingTimers).toBe(0)
  })

  it('tells the one program that a change concerns at once, and the many others over some seconds', async () => {
    const { schedule, woken, world, clock } = start(2000)
    world.concerned = (index) => index === 1234
    schedule.announce()
    expect(woken).toEqual([1234])
    await clock.advance(5)
    expect(new Set(woken).size).toBe(2000)
  })

  it('spreads a change that concerns many, and reaches all of them', async () => {
    const { schedule, woken, clock } = start(2000)
    schedule.announce()
    expect(woken).toHaveLength(0)
    await clock.advance(1)
    // A fifth of them, give or take what chance allows.
    expect(woken.length).toBeGreaterThan(300)
    expect(woken.length).toBeLessThan(500)
    await clock.advance(4)
    expect(new Set(woken).size).toBe(2000)
    expect(woken).toHaveLength(2000)
    expect(clock.pendingTimers).toBe(0)
  })

  it('never takes longer than ten seconds', async () => {
    const { schedule, woken, clock } = start(9000, () => 0.999)
    schedule.announce()
    await clock.advance(9)
    expect(woken).toHaveLength(0)
    await clock.advance(1)
    expect(woken).toHaveLength(9000)
  })

  it('does not put off those that wait when more changes come', async () => {
    const { schedule, woken, clock } = start(400, () => 0.5)
    for (let turn = 0; turn < 5; turn++) {
      schedule.announce()
      await clock.advance(0.1)
    }
    expect(new Set(woken).size).toBe(400)
  })

  it('tells one that waits at once when a change concerns it', async () => {
    const { schedule, woken, world, clock } = start(400, () => 0.9)
    schedule.announce()
    world.concerned = (index) => index === 7
    schedule.announce()
    expect(woken).toEqual([7])
    await clock.advance(1)
    expect(woken.filter((index) => index === 7)).toHaveLength(1)
  })

  it('tells of a renewed credential only those that use it', () => {
    const { schedule, woken } = start(500)
    schedule.announceEntries(new Set(['e3']))
    expect(woken).toEqual([3])
  })

  it('keeps nothing of those that left', async () => {
    const { schedule, woken, stops, clock } = start(100)
    schedule.announce()
    for (const stop of stops) stop()
    expect(clock.pendingTimers).toBe(0)
    expect(schedule.followers).toBe(0)
    await clock.advance(10)
    expect(woken).toEqual([])
  })

  it('wakes at the time it was told last, once, and with one timer for all that share it', async () => {
    const { schedule, woken, clock, followers } = start(3)
    const now = clock.now()
    for (const each of followers) schedule.wakeAt(each, now + 5)
    schedule.wakeAt(followers[2]!, now + 20)
    schedule.wakeAt(followers[2]!, now + 10)
    expect(clock.pendingTimers).toBe(2)
    await clock.advance(4)
    expect(woken).toEqual([])
    await clock.advance(1)
    expect(woken).toEqual([0, 1])
    await clock.advance(100)
    expect(woken).toEqual([0, 1, 2])
    expect(clock.pendingTimers).toBe(0)
  })

  it('spreads the renewal of a credential that many programs share', async () => {
    const { schedule, woken, clock, followers } = start(2000)
    for (const each of followers) schedule.wakeAt(each, clock.now() + 1)
    await clock.advance(1.5)
    expect(woken.length).toBeLessThan(400)
    await clock.advance(5)
    expect(woken).toHaveLength(2000)
  })

  it('has no time for what is good for ever, nor for those that left', () => {
    const { schedule, clock, followers, stops } = start(2)
    schedule.wakeAt(followers[0]!, Number.POSITIVE_INFINITY)
    schedule.wakeAt(followers[1]!, clock.now() + 1)
    for (const stop of stops) stop()
    schedule.wakeAt(followers[1]!, clock.now() + 1)
    expect(clock.pendingTimers).toBe(0)
  })
})
