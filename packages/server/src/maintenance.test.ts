import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { Maintenance } from './maintenance.ts'
import { RecordingLogger } from './test-support/recording-logger.ts'

function start(nextIn: () => number, run: () => Promise<unknown>) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const begin = clock.now()
  const runs: number[] = []
  const task = {
    name: 'task',
    run: async () => {
      runs.push(clock.now() - begin)
      await run()
    },
  }
  const maintenance = new Maintenance({ tasks: [task], nextAt: () => clock.now() + nextIn(), clock, log })
  return { clock, log, runs, maintenance }
}

describe('Maintenance', () => {
  it('runs at least every thirty seconds, at most every second, and else when something is due', async () => {
    let next = Number.POSITIVE_INFINITY
    const { clock, runs } = start(
      () => next,
      async () => {},
    )
    await clock.advance(60)
    next = -5
    await clock.advance(32)
    next = 7
    await clock.advance(8)
    expect(runs).toEqual([30, 60, 90, 91, 92, 93, 100])
  })

  it('goes on when a task fails', async () => {
    const { clock, log, runs } = start(
      () => 10,
      () => Promise.reject(new Error('no')),
    )
    await clock.advance(30)
    expect(runs).toEqual([10, 20, 30])
    expect(log.lines.map(({ message }) => message)).toEqual(Array(3).fill('maintenance task failed'))
  })

  it('runs soon when it is woken, once for all who wake it', async () => {
    const { clock, runs, maintenance } = start(
      () => 10,
      async () => {},
    )
    await clock.advance(4)
    maintenance.wake()
    maintenance.wake()
    await clock.advance(0)
    expect(runs).toEqual([4])
    await clock.advance(10)
    expect(runs).toEqual([4, 14])
    await maintenance.stop()
    maintenance.wake()
    await clock.advance(60)
    expect(runs).toEqual([4, 14])
  })

  it('stops after the task that runs', async () => {
    let finish = () => {}
    const { clock, runs, maintenance } = start(
      () => 10,
      () =>
        new Promise<void>((resolve) => {
          finish = resolve
        }),
    )
    await clock.advance(10)
    let isStopped = false
    const stopping = maintenance.stop().then(() => {
      isStopped = true
    })
    await clock.advance(100)
    expect(isStopped).toBe(false)
    finish()
    await stopping
    await clock.advance(100)
    expect(runs).toEqual([10])
    expect(clock.pendingTimers).toBe(0)
  })
})
