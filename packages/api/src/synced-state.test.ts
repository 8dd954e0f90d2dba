import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry } from './entry.ts'
import type { SyncState } from './machine.ts'
import { EntrySetDigest } from './sync-digest.ts'
import { SyncedState } from './synced-state.ts'

const AGENT = 'spiffe://example.org/countersign/agent/one'
const entry = (id: string, revision = 1, parentId = AGENT): Entry => ({
  ...{ id, revision, parentId, createdAt: 1, spiffeId: `spiffe://example.org/${id}` },
  selectors: [{ type: 'unix', value: 'uid:1' }],
})
const state = (change: Partial<SyncState> = {}): SyncState => ({
  ...{ revision: 1, trustDomain: 'example.org', entries: [], bundles: [] },
  ...change,
})
const digestOf = (change: Partial<SyncState>) => new SyncedState(state(change)).digest

describe('EntrySetDigest', () => {
  it('depends on which entries there are, in which version, and not on their order or history', () => {
    const some = fc.uniqueArray(fc.nat({ max: 20 }), { maxLength: 10 })
    fc.assert(
      fc.property(some, some, (first, second) => {
        const entries = (ids: readonly number[]) => ids.map((id) => ({ id: `e${id}`, revision: id }))
        const digest = EntrySetDigest.of(entries(first))
        for (const each of entries(second)) digest.add(each)
        for (const each of entries(first)) digest.delete(each)
        expect(`${digest}`).toBe(`${EntrySetDigest.of(entries(second).toReversed())}`)
        const merged = EntrySetDigest.of([])
        merged.merge(digest)
        expect(`${merged}`).toBe(`${digest}`)
      }),
    )
    const one = EntrySetDigest.of([{ id: 'a', revision: 1 }])
    expect(`${one}`).not.toBe(`${EntrySetDigest.of([{ id: 'a', revision: 2 }])}`)
    expect(`${one}`).not.toBe(`${EntrySetDigest.of([{ id: 'b', revision: 1 }])}`)
  })
})

describe('syncDigest', () => {
  it('differs with everything that matters to an agent, and with nothing else', () => {
    const bundle = { trustDomain: 'a.example', bundle: { keys: [{ kty: 'EC' }] } }
    const other = { trustDomain: 'b.example', bundle: { keys: [] } }
    const digests = [
      {},
      { entries: [entry('a')] },
      { entries: [entry('a', 2)] },
      { aliases: ['spiffe://example.org/hosts'] },
      { bundles: [bundle] },
      { bundles: [{ ...bundle, bundle: { keys: [] } }] },
      { bundles: [bundle, other] },
      { bundles: [other, bundle] },
      { tainted: [{ authorityId: 'x', key: {} }] },
      { crls: ['AA=='] },
      { intermediates: ['AA=='] },
    ].map(digestOf)
    expect(new Set(digests).size).toBe(digests.length)
    const same = [{ revision: 7 }, { tainted: [] }, { crls: [], aliases: [], intermediates: [] }, { digest: 'x' }].map(
      digestOf,
    )
    expect(new Set([...same, digestOf({})]).size).toBe(1)
    expect(digestOf({ entries: [entry('a'), entry('b')] })).toBe(digestOf({ entries: [entry('b'), entry('a')] }))
  })
})

describe('SyncedState', () => {
  it('drops what lies below an alias that is gone, and keeps the rest', () => {
    const [x, y] = ['spiffe://example.org/x', 'spiffe://example.org/y']
    const entries = [entry('own'), entry('of-x', 1, x), entry('of-y', 1, y)]
    const synced = new SyncedState(state({ entries, aliases: [x, y] }))
    const after = { entries: [entry('own'), entry('of-y', 1, y)], aliases: [y] }
    expect(synced.apply({ after: 1, revision: 2, aliases: [y], digest: digestOf(after) })).toBe(true)
    expect(synced.state).toEqual({ ...state(after), revision: 2, digest: digestOf(after) })
  })

  it('keeps and replaces the CAs that sign lists', () => {
    const synced = new SyncedState(state({ intermediates: ['AA=='] }))
    const kept = { intermediates: ['AA=='], crls: ['AB=='] }
    expect(synced.apply({ after: 1, revision: 2, crls: ['AB=='], digest: digestOf(kept) })).toBe(true)
    expect(synced.state.intermediates).toEqual(['AA=='])
    const next = { ...kept, intermediates: ['AQ=='] }
    expect(synced.apply({ after: 2, revision: 3, intermediates: ['AQ=='], digest: digestOf(next) })).toBe(true)
    expect(synced.state).toMatchObject(next)
  })

  it('takes lists that have become empty away', () => {
    const lists = { tainted: [{ authorityId: 'x', key: {} }], crls: ['AA=='], intermediates: ['AA=='] }
    const synced = new SyncedState(state(lists))
    const none = { tainted: [], crls: [], intermediates: [] }
    expect(synced.apply({ after: 1, revision: 2, ...none, digest: digestOf({}) })).toBe(true)
    expect(synced.state).toEqual({ ...state(), revision: 2, digest: digestOf({}) })
  })
})
