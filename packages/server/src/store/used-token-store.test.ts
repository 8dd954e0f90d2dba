import { FakeClock } from '@countersign/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryStore } from '../test-support/temporary-store.ts'
import { Store } from './store.ts'
import { UsedTokenStore } from './used-token-store.ts'

const NOW = 1_800_000_000

describe('UsedTokenStore', () => {
  it('calls one of any number of concurrent callers fresh', async () => {
    const { store } = await temporaryStore()
    const memory = new UsedTokenStore(store)
    const answers = await Promise.all(Array.from({ length: 8 }, () => memory.remember('a', NOW + 60, NOW)))
    expect(answers.filter((answer) => answer === 'fresh')).toHaveLength(1)
    expect(new Set(answers)).toEqual(new Set(['fresh', 'replayed']))
  })

  it('knows what another server on the same store has seen, and both at once', async () => {
    const { store } = await temporaryStore()
    const [one, other] = [new UsedTokenStore(store), new UsedTokenStore(store)]
    expect(await one.remember('a', NOW + 60, NOW)).toBe('fresh')
    expect(await other.remember('a', NOW + 60, NOW)).toBe('replayed')
    const both = await Promise.all([one.remember('b', NOW + 60, NOW), other.remember('b', NOW + 60, NOW)])
    expect(both.sort()).toEqual(['fresh', 'replayed'])
  })

  it('remembers over a restart', async () => {
    const { store, path } = await temporaryStore()
    await new UsedTokenStore(store).remember('a', NOW + 60, NOW)
    await store.close()
    const reopened = Store.open(path, new FakeClock())
    onTestFinished(() => reopened.close())
    expect(await new UsedTokenStore(reopened).remember('a', NOW + 60, NOW + 59)).toBe('replayed')
  })

  it('forgets what would be refused for its age', async () => {
    const { store } = await temporaryStore()
    await new UsedTokenStore(store).remember('a', NOW + 60, NOW)
    const later = new UsedTokenStore(store)
    await later.remember('b', NOW + 600, NOW + 61)
    const rows = await store.read((db) => db.selectFrom('used_tokens').select('key').execute())
    expect(rows).toEqual([{ key: 'b' }])
  })

  it('keeps each sender to its share', async () => {
    const { store } = await temporaryStore()
    const memory = new UsedTokenStore(store, { capacity: 4 })
    expect(await memory.remember('a', NOW + 60, NOW, 'one')).toBe('fresh')
    expect(await memory.remember('b', NOW + 60, NOW, 'one')).toBe('fresh')
    expect(await memory.remember('c', NOW + 60, NOW, 'one')).toBe('full')
    expect(await memory.remember('d', NOW + 60, NOW, 'two')).toBe('fresh')
  })

  it('is away when nothing can be written', async () => {
    const { store } = await temporaryStore()
    const memory = new UsedTokenStore(store)
    await store.close()
    expect(await memory.remember('a', NOW + 60, NOW)).toBe('away')
  })
})
