import { FakeClock, settle } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { EntryEvents } from '../../registration/entry-events.ts'
import { EntryWatch } from './entry-watch.ts'

function open() {
  const clock = new FakeClock()
  const written: string[] = []
  const world = { accepts: true, isEnded: false, drain: () => {}, asked: [] as number[], failures: [] as unknown[] }
  const pages: (EntryEvents | Error)[] = []
  const sink = {
    write: (text: string) => {
      written.push(text)
      return world.accepts
    },
    onDrain: (run: () => void) => {
      world.drain = run
    },
    end: () => {
      world.isEnded = true
    },
  }
  const read = async (after: number): Promise<EntryEvents> => {
    world.asked.push(after)
    const page = pages.shift() ?? { events: [], until: after, isMore: false, isResync: false }
    if (page instanceof Error) throw page
    return page
  }
  const watch = new EntryWatch({ sink, clock, after: 7, read, onFailure: (error) => world.failures.push(error) })
  return { clock, written, world, pages, watch, ids: () => written.map((text) => /id: (\d+)/.exec(text)?.[1] ?? '') }
}

const event = (revision: number) => ({
  ...{ change: 'deleted' as const, revision, at: 1, id: `e${revision}`, spiffeId: 'spiffe://example.org/a' },
})
const page = (until: number, isMore = false): EntryEvents => ({
  ...{ events: [event(until)], until, isMore, isResync: false },
})

describe('EntryWatch', () => {
  it('says where it begins, and then what happens', async () => {
    const { written, pages, watch, clock } = open()
    await settle()
    expect(written).toEqual(['retry: 1000\n', 'event: mark\nid: 7\ndata: {"revision":7}\n\n'])
    pages.push(page(9))
    watch.markDirty()
    watch.markDirty()
    await clock.advance(0.02)
    expect(written[2]).toBe(`event: change\nid: 9\ndata: ${JSON.stringify(event(9))}\n\n`)
    await clock.advance(15)
    expect(written[3]).toContain('event: mark\nid: 9')
  })

  it('reads page after page, but only as fast as the watcher does', async () => {
    const { world, pages, ids, watch, clock } = open()
    await settle()
    pages.push(page(8, true), page(9, true), page(10))
    watch.markDirty()
    world.accepts = false
    await clock.advance(0.02)
    expect(ids().slice(2)).toEqual(['8'])
    world.accepts = true
    world.drain()
    await settle()
    expect(ids().slice(2)).toEqual(['8', '9', '10'])
    expect(world.asked).toEqual([7, 7, 8, 9])
  })

  it('says that it is too late, and goes on from there', async () => {
    const { written, pages, watch, clock, world } = open()
    await settle()
    pages.push({ events: [], until: 500, isMore: false, isResync: true })
    watch.markDirty()
    await clock.advance(0.02)
    expect(written.at(-1)).toBe('event: resync\nid: 500\ndata: {"revision":500}\n\n')
    watch.markDirty()
    await clock.advance(0.02)
    expect(world.asked.at(-1)).toBe(500)
  })

  it('ends after five minutes, so that the watcher is asked anew who it is', async () => {
    const { clock, world } = open()
    await clock.advance(299)
    expect(world.isEnded).toBe(false)
    await clock.advance(1)
    expect([world.isEnded, clock.pendingTimers]).toEqual([true, 0])
  })

  it('ends when the log cannot be read, and on a watcher that reads nothing for a minute', async () => {
    const failed = open()
    await settle()
    failed.pages.push(new Error('disk'))
    failed.watch.markDirty()
    await failed.clock.advance(0.02)
    expect([failed.world.isEnded, failed.world.failures.length, failed.clock.pendingTimers]).toEqual([true, 1, 0])
    const stalled = open()
    await settle()
    stalled.world.accepts = false
    stalled.pages.push(page(8))
    stalled.watch.markDirty()
    await stalled.clock.advance(76)
    expect([stalled.world.isEnded, stalled.clock.pendingTimers]).toEqual([true, 0])
  })
})
