import { SyncedState, type SyncState } from '@countersign/api'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { entry } from '../test-support/fake-server.ts'
import { SyncReader } from './sync-reader.ts'

const STATE: SyncState = { revision: 3, trustDomain: 'example.org', entries: [entry('a', '/a')], bundles: [] }
const digestOf = (state: SyncState) => new SyncedState(state).digest
const take = (reader: SyncReader, event: string, data: object) => reader.take(event, JSON.stringify(data))

describe('SyncReader', () => {
  it('says what is known, and nothing when nothing is', () => {
    expect(new SyncReader(undefined).claim).toBe('')
    expect(new SyncReader(STATE).claim).toBe(`?after=3&digest=${digestOf(STATE)}`)
  })

  it('gives the state with the first event in any case, and later when something is new', () => {
    const reader = new SyncReader(STATE)
    const mark = { revision: 8, digest: digestOf(STATE) }
    expect(take(reader, 'current', mark)).toEqual({ ...STATE, revision: 8 })
    expect(take(reader, 'current', { ...mark, revision: 9 })).toBe(undefined)
    const next = { ...STATE, entries: [entry('b', '/b')] }
    const change = { after: 9, revision: 10, entries: next.entries, removed: ['a'], digest: digestOf(next) }
    expect(take(reader, 'change', change)?.entries).toEqual(next.entries)
    expect(take(reader, 'of a newer server', {})).toBe(undefined)
  })

  it('keeps entries that stay as the same objects', () => {
    const reader = new SyncReader(undefined)
    const first = take(reader, 'sync', { ...STATE, entries: [entry('a', '/a'), entry('b', '/b')] })
    const next = { ...STATE, entries: [entry('a', '/a')] }
    const second = take(reader, 'change', { after: 3, revision: 4, removed: ['b'], digest: digestOf(next) })
    expect(second?.entries[0]).toBe(first?.entries[0])
  })

  it.each([
    ['a change of what it does not have', undefined, 'change', { after: 3, revision: 4, digest: 'x' }],
    ['a change after another revision', STATE, 'change', { after: 2, revision: 4, digest: digestOf(STATE) }],
    [
      'a change that leads elsewhere',
      STATE,
      'change',
      { after: 3, revision: 4, removed: ['a'], digest: digestOf(STATE) },
    ],
    ['a bundle that was never sent', STATE, 'change', { after: 3, revision: 4, trustDomains: ['x'], digest: 'x' }],
    ['the word that it has everything', STATE, 'current', { revision: 4, digest: 'x' }],
    ['that word before anything was said', undefined, 'current', { revision: 4, digest: 'x' }],
  ])('finds that it has diverged by %s', async (_, known, event, data) => {
    await expectCode(() => take(new SyncReader(known), event, data), 'ERR_AGENT_SERVER_DIVERGED')
  })

  it.each([
    ['change', { after: 3, revision: 4 }],
    ['change', { after: '3', revision: 4, digest: 'x' }],
    ['current', { revision: 4 }],
    ['sync', { revision: 4 }],
  ])('refuses a malformed %s %j', async (event, data) => {
    await expectCode(() => take(new SyncReader(STATE), event, data), 'ERR_AGENT_SERVER_RESPONSE')
  })
})
