import { describe, expect, it } from 'vitest'
import { FakeClock } from './fake-clock.ts'

describe('FakeClock', () => {
  it('stands still until told otherwise', async () => {
    const clock = new FakeClock(1000)
    expect(clock.now()).toBe(1000)
    await clock.advance(1.5)
    expect(clock.now()).toBe(1001)
  })

  it('runs what falls due in order of time, each at its own time', async () => {
    const clock = new FakeClock(0)
    const seen: string[] = []
    clock.schedule(3000, () => seen.push(`c ${clock.now()}`))
    clock.schedule(1000, () => seen.push(`a ${clock.now()}`))
    clock.schedule(1000, () => seen.push(`b ${clock.now()}`))
    clock.schedule(3001, () => seen.push('too early'))
    await clock.advance(3)
    expect(seen).toEqual(['a 1', 'b 1', 'c 3'])
    expect(clock.pendingTimers).toBe(1)
  })

  it('keeps the rhythm of a loop that schedules its next round after asynchronous work', async () => {
    const clock = new FakeClock(0)
    const rounds: number[] = []
    const round = async () => {
      await Promise.resolve()
      rounds.push(clock.now())
      clock.schedule(10_000, round)
    }
    clock.schedule(0, round)
    await clock.advance(35)
    expect(rounds).toEqual([0, 10, 20, 30])
  })

  it('does not run what was cancelled', async () => {
    const clock = new FakeClock(0)
    let runs = 0
    const cancel = clock.schedule(1000, () => runs++)
    cancel()
    await clock.advance(2)
    expect(runs).toBe(0)
  })

  it('jumps without running anything, and runs late what was missed', async () => {
    const clock = new FakeClock(0)
    const seen: number[] = []
    clock.schedule(1000, () => seen.push(clock.now()))
    clock.jump(100)
    expect(seen).toEqual([])
    await clock.advance(0)
    expect(seen).toEqual([100])
  })

  it('is set forward or back without a timer coming nearer', async () => {
    const clock = new FakeClock(0)
    const seen: number[] = []
    clock.schedule(2000, () => seen.push(clock.now()))
    clock.schedule(4000, () => seen.push(clock.now()))
    clock.shift(100)
    expect(clock.now()).toBe(100)
    await clock.advance(1)
    expect(seen).toEqual([])
    await clock.advance(1)
    expect(seen).toEqual([102])
    clock.shift(-100)
    await clock.advance(2)
    expect(seen).toEqual([102, 4])
  })

  it('gives up on a callback that schedules itself again at once', async () => {
    const clock = new FakeClock(0)
    const immediate = globalThis.setImmediate
    // A hundred thousand real turns of the event loop would only make this slow.
    globalThis.setImmediate = ((run: () => void) => queueMicrotask(run)) as unknown as typeof setImmediate
    try {
      const again = () => {
        clock.schedule(0, again)
      }
      again()
      await expect(clock.advance(1)).rejects.toThrow('more than 100000 callbacks')
    } finally {
      globalThis.setImmediate = immediate
    }
  })
})
