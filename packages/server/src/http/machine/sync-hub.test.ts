import { describe, expect, it } from 'vitest'
import type { DirectoryListener } from '../../registration/entry-directory.ts'
import { ChangeFeed, type StoreChange } from '../../store/change-feed.ts'
import { SyncHub } from './sync-hub.ts'
import type { SyncStream } from './sync-stream.ts'

/** A hub with so many agents, and how long each was told to wait. */
function start(count: number) {
  const feed = new ChangeFeed()
  const delays: number[] = []
  let turn = 0
  const listeners: DirectoryListener[] = []
  const directory = {
    subscribe: (listener: DirectoryListener) => {
      listeners.push(listener)
      return () => {}
    },
    agentsBelow: (parent: string) =>
      parent === 'all' ? Array.from({ length: count }, (_, index) => `agent ${index}`) : [parent],
  }
  const hub = new SyncHub({ feed, directory, random: () => (turn++ % 10) / 10 })
  for (let index = 0; index < count; index++) {
    const stream = { markDirty: (delayMs = 0) => delays.push(delayMs), close: () => {} } as unknown as SyncStream
    hub.add(`agent ${index}`, stream)
  }
  const change = (agents: StoreChange['agents']) =>
    feed.publish({ revision: 1, at: 0, kind: 'bundle.updated', subject: 'example.org', agents })
  const changeEntries = (...parents: string[]) =>
    listeners[0]?.(new Set(parents), { revision: 1, at: 0, kind: 'entry.created', subject: 'a', agents: [] })
  return { delays, change, changeEntries }
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

  it('tells each agent once of a batch of entries, and spreads what concerns many', async () => {
    const { delays, changeEntries } = start(200)
    for (let turn = 0; turn < 500; turn++) changeEntries('all', 'agent 7')
    expect(delays).toEqual([])
    await Promise.resolve()
    expect(delays).toHaveLength(200)
    expect(Math.max(...delays)).toBe(900)
    changeEntries('agent 7')
    await Promise.resolve()
    expect(delays.at(-1)).toBe(0)
  })
})
