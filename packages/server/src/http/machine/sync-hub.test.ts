import { describe, expect, it } from 'vitest'
import { ChangeFeed, type StoreChange } from '../../store/change-feed.ts'
import type { Store } from '../../store/store.ts'
import { SyncHub } from './sync-hub.ts'
import type { SyncStream } from './sync-stream.ts'

/** A hub with so many agents, and how long each was told to wait. */
function start(count: number) {
  const feed = new ChangeFeed()
  const delays: number[] = []
  let turn = 0
  const hub = new SyncHub({ feed } as unknown as Store, () => (turn++ % 10) / 10)
  for (let index = 0; index < count; index++) {
    const stream = { markDirty: (delayMs = 0) => delays.push(delayMs), close: () => {} } as unknown as SyncStream
    hub.add(`agent ${index}`, stream)
  }
  const change = (agents: StoreChange['agents']) =>
    feed.publish({ revision: 1, at: 0, kind: 'bundle.updated', subject: 'example.org', agents })
  return { delays, change }
}

describe('SyncHub', () => {
  it('tells a hundred agents at once', () => {
    const { delays, change } = start(100)
    change('all')
    expect(delays).toEqual(Array.from({ length: 100 }, () => 0))
  })

  it('spreads what concerns all of many agents, over five seconds at most', () => {
    const few = start(200)
    few.change('all')
    expect(Math.max(...few.delays)).toBe(900)
    const many = start(10_000)
    many.change('all')
    expect(Math.min(...many.delays)).toBe(0)
    expect(Math.max(...many.delays)).toBe(4_500)
  })

  it('does not make an agent wait for what concerns it alone', () => {
    const { delays, change } = start(10_000)
    change(['agent 77'])
    expect(delays).toEqual([0])
  })
})
