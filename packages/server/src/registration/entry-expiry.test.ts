import { silentLogger } from '@countersign/plugin-kit'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { DirectoryListener } from './entry-directory.ts'
import { EntryExpiry } from './entry-expiry.ts'

async function start(expiries: number[]) {
  const clock = new FakeClock()
  const base = clock.now()
  const entries = expiries.map((seconds) => base + seconds)
  const removals: number[] = []
  const world = { failures: 0, clockIsRight: true }
  const listeners: DirectoryListener[] = []
  const expiry = await EntryExpiry.start({
    clock,
    log: silentLogger,
    directory: {
      subscribe: (listener) => {
        listeners.push(listener)
        return () => {}
      },
    },
    clockIsRight: () => world.clockIsRight,
    nextExpiry: async () => entries.toSorted((a, b) => a - b)[0],
    removeExpired: async () => {
      if (world.failures-- > 0) throw new Error('disk full')
      removals.push(clock.now() - base)
      for (const at of entries.splice(0)) if (at > clock.now()) entries.push(at)
    },
  })
  const create = (seconds: number) => {
    entries.push(base + seconds)
    const after = { expiresAt: base + seconds } as never
    const change = { revision: 1, at: 0, kind: 'entry.created' as const, subject: 'a', agents: [], entry: { after } }
    for (const listener of listeners) listener(new Set(), change)
  }
  return { clock, removals, expiry, create, world }
}

describe('EntryExpiry', () => {
  it('removes in the very second', async () => {
    const { clock, removals } = await start([10, 200])
    await clock.advance(9)
    expect(removals).toEqual([])
    await clock.advance(1)
    expect(removals).toEqual([10])
    await clock.advance(300)
    expect(removals).toEqual([10, 200])
  })

  it('hears of entries that come later and are over sooner', async () => {
    const { clock, removals, create } = await start([50])
    await clock.advance(1)
    create(5)
    create(70)
    await clock.advance(100)
    expect(removals).toEqual([5, 50, 70])
  })

  it('removes nothing by a clock that cannot be right', async () => {
    const { clock, removals, world } = await start([10])
    world.clockIsRight = false
    await clock.advance(300)
    expect(removals).toEqual([])
    world.clockIsRight = true
    await clock.advance(10)
    expect(removals).toEqual([310])
  })

  it('tries again when the disk is full', async () => {
    const { clock, removals, world } = await start([5])
    world.failures = 1
    await clock.advance(30)
    expect(removals).toEqual([15])
  })

  it('leaves nothing behind', async () => {
    const { clock, removals, expiry, create } = await start([5])
    await expiry.stop()
    create(6)
    await clock.advance(100)
    expect([removals, clock.pendingTimers]).toEqual([[], 0])
  })
})
