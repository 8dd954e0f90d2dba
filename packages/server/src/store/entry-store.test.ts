import type { NewEntry } from '@countersign/api'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { temporaryStore } from '../test-support/temporary-store.ts'
import type { StoreChange } from './change-feed.ts'
import type { EntryFilter } from './entry-queries.ts'
import { EntryStore } from './entry-store.ts'

const node1 = 'spiffe://example.org/countersign/agent/node-1'
const node2 = 'spiffe://example.org/countersign/agent/node-2'

const entry: NewEntry = {
  spiffeId: 'spiffe://example.org/db',
  parentId: node1,
  selectors: [
    { type: 'unix', value: 'uid:1000' },
    { type: 'unix', value: 'gid:1000' },
  ],
}

async function openEntries() {
  const { store, clock } = await temporaryStore()
  const changes: StoreChange[] = []
  store.feed.subscribe((change) => changes.push(change))
  return { entries: new EntryStore(store), store, clock, changes }
}

describe('EntryStore', () => {
  it('gives back what was written, with its revision', async () => {
    const { entries, clock } = await openEntries()
    const full: NewEntry = {
      ...entry,
      x509SvidTtl: 1,
      jwtSvidTtl: 2,
      witTtl: 3,
      dnsNames: ['db'],
      hint: 'main',
      admin: false,
      downstream: true,
      federatesWith: ['other.example'],
      expiresAt: clock.now() + 5,
    }
    const created = await entries.create('a', full)
    expect(created).toEqual({ id: 'a', revision: 1, createdAt: clock.now(), ...full })
    expect(await entries.get('a')).toEqual(created)
    expect(await entries.list()).toEqual({ entries: [created], revision: 1 })
  })

  it('leaves out what was not given', async () => {
    const { entries, clock } = await openEntries()
    await entries.create('a', entry)
    expect(await entries.get('a')).toEqual({ id: 'a', revision: 1, createdAt: clock.now(), ...entry })
  })

  it('refuses a second entry with the same selectors in another order, and logs no change', async () => {
    const { entries, store } = await openEntries()
    await entries.create('a', entry)
    const twin = { ...entry, selectors: [...entry.selectors].reverse(), hint: 'other' }
    await expectCode(entries.create('b', twin), 'ERR_ENTRY_EXISTS')
    expect(await store.revision()).toBe(1)
  })

  it('takes entries apart by identifier, parent and selectors', async () => {
    const { entries } = await openEntries()
    await entries.create('a', entry)
    await entries.create('b', { ...entry, spiffeId: 'spiffe://example.org/web' })
    await entries.create('c', { ...entry, parentId: node2 })
    await entries.create('d', { ...entry, selectors: entry.selectors.slice(1) })
    const idsOf = async (filter: EntryFilter) => (await entries.list(filter)).entries.map(({ id }) => id)
    expect(await idsOf({})).toEqual(['a', 'b', 'c', 'd'])
    expect(await idsOf({ parentId: node2 })).toEqual(['c'])
    expect(await idsOf({ spiffeId: 'spiffe://example.org/web' })).toEqual(['b'])
    expect(await idsOf({ spiffeId: 'spiffe://example.org/web', parentId: node2 })).toEqual([])
  })

  it('updates in one step and tells both agents when the parent changes', async () => {
    const { entries, changes } = await openEntries()
    await entries.create('a', entry)
    const updated = await entries.update('a', ({ id: _, revision: __, createdAt: ___, ...present }) => ({
      ...present,
      parentId: node2,
      hint: 'new',
    }))
    expect(updated).toMatchObject({ id: 'a', revision: 2, parentId: node2, hint: 'new' })
    expect(await entries.get('a')).toEqual(updated)
    expect(changes.at(-1)).toMatchObject({ kind: 'entry.updated', subject: 'a' })
    expect(changes.at(-1)?.entry).toMatchObject({ before: { parentId: node1 }, after: updated })
  })

  it('refuses to make an entry the twin of another, and one that is not there', async () => {
    const { entries } = await openEntries()
    await entries.create('a', entry)
    await entries.create('b', { ...entry, parentId: node2 })
    await expectCode(
      entries.update('b', () => entry),
      'ERR_ENTRY_EXISTS',
    )
    await expectCode(
      entries.update('c', () => entry),
      'ERR_ENTRY_NOT_FOUND',
    )
    expect((await entries.get('b'))?.parentId).toBe(node2)
  })

  it('takes a node alias as parent once it is there', async () => {
    const { entries } = await openEntries()
    const hosts = 'spiffe://example.org/hosts/db'
    await expectCode(entries.create('a', { ...entry, parentId: hosts }), 'ERR_ENTRY_PARENT')
    // Something else of that name is no alias.
    await entries.create('web', { ...entry, spiffeId: hosts })
    await expectCode(entries.create('a', { ...entry, parentId: hosts }), 'ERR_ENTRY_PARENT')
    await entries.create('b', { ...entry, spiffeId: 'spiffe://example.org/b' })
    const move = () =>
      entries.update('b', ({ id: _, revision: __, createdAt: ___, ...present }) => ({ ...present, parentId: hosts }))
    await expectCode(move(), 'ERR_ENTRY_PARENT')
    await entries.create('alias', { ...entry, spiffeId: hosts, parentId: 'spiffe://example.org/countersign/server' })
    await entries.create('a', { ...entry, parentId: hosts, spiffeId: 'spiffe://example.org/db' })
    expect(await move()).toMatchObject({ id: 'b', parentId: hosts })
  })

  it('knows when the next entry is over', async () => {
    const { entries } = await openEntries()
    await entries.create('a', entry)
    expect(await entries.nextExpiry()).toBe(undefined)
    await entries.create('b', { ...entry, parentId: node2, expiresAt: 2_000_000_009 })
    await entries.create('c', { ...entry, spiffeId: 'spiffe://example.org/c', expiresAt: 2_000_000_008 })
    expect(await entries.nextExpiry()).toBe(2_000_000_008)
  })

  it('deletes once', async () => {
    const { entries, changes } = await openEntries()
    await entries.create('a', entry)
    await entries.delete('a')
    expect(await entries.get('a')).toBe(undefined)
    expect(changes.at(-1)).toMatchObject({ kind: 'entry.deleted', entry: { before: { id: 'a', parentId: node1 } } })
    await expectCode(entries.delete('a'), 'ERR_ENTRY_NOT_FOUND')
  })

  it('removes what is over, and only then writes', async () => {
    const { entries, store, clock } = await openEntries()
    await entries.create('a', { ...entry, expiresAt: clock.now() + 10 })
    await entries.create('b', { ...entry, parentId: node2 })
    expect(await entries.removeExpired(clock.now() + 9)).toEqual([])
    expect(await store.revision()).toBe(2)
    expect((await entries.removeExpired(clock.now() + 10)).map(({ id }) => id)).toEqual(['a'])
    expect((await entries.list()).entries.map(({ id }) => id)).toEqual(['b'])
    expect(await store.revision()).toBe(3)
  })
})

describe('a batch of entries', () => {
  const other = { ...entry, spiffeId: 'spiffe://example.org/web' }
  const third = { ...entry, spiffeId: 'spiffe://example.org/cache', parentId: node2 }
  const NOTHING = { create: [], replace: [], delete: [] }

  async function openTwo() {
    const opened = await openEntries()
    await opened.entries.create('a', { ...entry, hint: 'old', x509SvidTtl: 60 })
    await opened.entries.create('b', other)
    const { revision } = await opened.entries.list()
    opened.changes.length = 0
    return { ...opened, revision }
  }

  it('deletes, replaces and creates, and tells whom it concerns', async () => {
    const { entries, changes, revision } = await openTwo()
    const result = await entries.batch(revision, {
      create: [{ id: 'c', entry: third }],
      replace: [{ id: 'a', entry: { ...entry, hint: 'new' } }],
      delete: ['b'],
    })
    const { entries: left, revision: now } = await entries.list()
    expect(left.map(({ id, hint, x509SvidTtl }) => [id, hint, x509SvidTtl])).toEqual([
      ['a', 'new', undefined],
      ['c', undefined, undefined],
    ])
    expect(result.revision).toBe(now)
    expect([result.created, result.replaced, result.deleted].map((list) => list.map(({ id }) => id))).toEqual([
      ['c'],
      ['a'],
      ['b'],
    ])
    expect(changes.map(({ kind, subject }) => `${kind} ${subject}`)).toEqual([
      'entry.deleted b',
      'entry.updated a',
      'entry.created c',
    ])
  })

  it('frees a place before it takes it', async () => {
    const { entries, revision } = await openTwo()
    await entries.batch(revision, { ...NOTHING, delete: ['b'], create: [{ id: 'c', entry: other }] })
    expect((await entries.list()).entries.map(({ id }) => id)).toEqual(['a', 'c'])
  })

  it.each([
    [
      'an entry that exists',
      {
        create: [
          { id: 'c', entry: third },
          { id: 'd', entry: other },
        ],
      },
      'ERR_ENTRY_EXISTS',
      'create[1]',
    ],
    ['an entry that is not there', { delete: ['a', 'x'] }, 'ERR_ENTRY_NOT_FOUND', 'delete[1]'],
    [
      'a replacement that is not there',
      { delete: ['a'], replace: [{ id: 'a', entry }] },
      'ERR_ENTRY_NOT_FOUND',
      'replace[0]',
    ],
  ])('changes nothing for %s, and says which', async (_, steps, code, step) => {
    const { entries, changes, revision } = await openTwo()
    const refused = entries.batch(revision, { ...NOTHING, ...steps })
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringContaining(step) })
    expect((await entries.list()).entries.map(({ id }) => id)).toEqual(['a', 'b'])
    expect((await entries.list()).revision).toBe(revision)
    expect(changes).toEqual([])
  })

  it('is refused when an entry has changed since it was planned', async () => {
    const { entries, store, revision } = await openTwo()
    await store.change((change) => change.record('node.renewed', node1))
    await entries.batch(revision, NOTHING)
    await entries.update('b', (present) => ({ ...other, hint: present.id }))
    await expectCode(entries.batch(revision, { ...NOTHING, delete: ['a'] }), 'ERR_ENTRY_CHANGED')
    expect((await entries.list()).entries).toHaveLength(2)
  })
})
