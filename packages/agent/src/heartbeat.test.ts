import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { Heartbeat } from './heartbeat.ts'

function start() {
  const clock = new FakeClock()
  const shifts: number[] = []
  let beats = 0
  const heartbeat = new Heartbeat({ clock, onBeat: () => beats++, onShift: (seconds) => shifts.push(seconds) })
  return { clock, shifts, heartbeat, beats: () => beats }
}

describe('Heartbeat', () => {
  it('beats every two seconds and takes nothing for a shift that is none', async () => {
    const { clock, shifts, beats } = start()
    await clock.advance(60)
    expect(beats()).toBe(30)
    // A machine that is busy, and a clock that is put right by a second.
    clock.shift(5)
    await clock.advance(2)
    clock.shift(-2)
    await clock.advance(2)
    expect(shifts).toEqual([])
  })

  it.each([8 * 3600, 6, -3, -86_400])(
    'notices within two seconds that the time is another by %i seconds',
    async (by) => {
      const { clock, shifts } = start()
      await clock.advance(10)
      clock.shift(by)
      await clock.advance(2)
      expect(shifts).toEqual([by])
      await clock.advance(10)
      expect(shifts).toEqual([by])
    },
  )

  it('tells of the shift before it beats, so that the beat knows the time', async () => {
    const clock = new FakeClock()
    const events: string[] = []
    new Heartbeat({ clock, onBeat: () => events.push('beat'), onShift: () => events.push('shift') })
    clock.shift(100)
    await clock.advance(2)
    expect(events).toEqual(['shift', 'beat'])
  })

  it('stops', async () => {
    const { clock, heartbeat, beats } = start()
    heartbeat.stop()
    await clock.advance(10)
    expect(beats()).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })
})
