import { describe, expect, it } from 'vitest'
import { EntryStore } from '../store/entry-store.ts'
import { temporaryStore } from '../test-support/temporary-store.ts'
import { readEntryEvents } from './entry-events.ts'

/** Of a watcher who may know of everything. */
const all = { below: undefined, guard: { sees: () => true } }
const agent = 'spiffe://example.org/countersign/agent/node-1'

async function open() {
  const { store } = await temporaryStore()
  const entries = new EntryStore(store)
  const create = (id: string, path = `/${id}`) =>
    entries.create(id, {
      ...{ spiffeId: `spiffe://example.org${path}`, parentId: agent },
      selectors: [{ type: 'unix', value: 'uid:1' }],
    })
  const rename = (id: string, path: string) =>
    entries.update(id, ({ id: _, revision: __, createdAt: ___, ...fields }) => ({
      ...fields,
      spiffeId: `spiffe://example.org${path}`,
    }))
  const events = async (after: number, path?: string, sees = (_: string) => true) => {
    const below = path && `spiffe://example.org${path}`
    const guard = { sees: ({ spiffeId }: { readonly spiffeId: string }) => sees(spiffeId) }
    const { events } = await readEntryEvents(store, after, { below, guard })
    return events.map(({ change, revision, id, spiffeId, entry }) =>
      [change, revision, id, spiffeId.slice('spiffe://example.org'.length), entry?.revision].join(' ').trim(),
    )
  }
  return { store, entries, create, rename, events }
}

describe('readEntryEvents', () => {
  it('tells what has happened since a revision, in order, and what each entry is now', async () => {
    const { create, rename, entries, events } = await open()
    await create('a')
    await create('b')
    await rename('a', '/c')
    await entries.delete('b')
    await create('d')
    expect(await events(0)).toEqual(['created 3 a /c 3', 'created 5 d /d 5'])
    expect(await events(2)).toEqual(['updated 3 a /c 3', 'deleted 4 b /b', 'created 5 d /d 5'])
    expect(await events(5)).toEqual([])
  })

  it('tells only of an identifier and what lies below it, and that an entry has left it', async () => {
    const { create, rename, entries, events } = await open()
    await create('a', '/team-a/web')
    await create('b', '/team-a-other/web')
    await create('c', '/team-a')
    expect(await events(0, '/team-a')).toEqual(['created 1 a /team-a/web 1', 'created 3 c /team-a 3'])
    await rename('a', '/team-b/web')
    await rename('b', '/team-a/b')
    await entries.delete('c')
    expect(await events(3, '/team-a')).toEqual([
      'deleted 4 a /team-a/web',
      'updated 5 b /team-a/b 5',
      'deleted 6 c /team-a',
    ])
    await rename('a', '/team-c/web')
    // It moved on from where it had been: still gone, and where it is now is not told.
    expect(await events(3, '/team-a')).toContain('deleted 7 a /team-a/web')
    expect(await events(6, '/team-a')).toEqual([])
  })

  it('tells nothing of what the watcher may not know of, neither by its old name nor by its new one', async () => {
    const { create, rename, entries, events } = await open()
    const seesTeamA = (spiffeId: string) => spiffeId.startsWith('spiffe://example.org/team-a/')
    await create('a', '/team-a/web')
    await create('b', '/team-b/web')
    await create('c', '/team-a/db')
    await entries.delete('b')
    await create('d', '/team-b/db')
    expect(await events(0, undefined, seesTeamA)).toEqual(['created 1 a /team-a/web 1', 'created 3 c /team-a/db 3'])
    await rename('a', '/team-b/moved')
    await rename('d', '/team-a/moved')
    expect(await events(5, undefined, seesTeamA)).toEqual(['deleted 6 a /team-a/web', 'updated 7 d /team-a/moved 7'])
    await entries.delete('a')
    expect(await events(7, undefined, seesTeamA)).toEqual([])
    expect(await events(5, '/team-b', seesTeamA)).toEqual([])
  })

  it('tells of an entry that is over as deleted', async () => {
    const { entries, create, events } = await open()
    await create('a')
    await entries.update('a', ({ id: _, revision: __, createdAt: ___, ...fields }) => ({ ...fields, expiresAt: 10 }))
    await entries.removeExpired(11)
    expect(await events(1)).toEqual(['deleted 3 a /a'])
  })

  it('comes in pages, and says when what is asked for is no longer, or not yet, known', async () => {
    const { store, entries } = await open()
    const entry = (index: number) => ({
      ...{ spiffeId: `spiffe://example.org/${index}`, parentId: agent },
      selectors: [{ type: 'unix', value: 'uid:1' }],
    })
    const create = Array.from({ length: 700 }, (_, index) => ({ id: `e${index}`, entry: entry(index) }))
    await entries.batch(0, { create, replace: [], delete: [] })
    const first = await readEntryEvents(store, 0, all)
    expect([first.events.length, first.until, first.isMore]).toEqual([500, 500, true])
    const second = await readEntryEvents(store, first.until, all)
    expect([second.events.length, second.until, second.isMore]).toEqual([200, 700, false])
    expect(await readEntryEvents(store, 701, all)).toMatchObject({ isResync: true, until: 700 })
    await store.note((db) => db.deleteFrom('change_log').where('revision', '<=', 300).execute())
    expect(await readEntryEvents(store, 299, all)).toMatchObject({ isResync: true, until: 700, events: [] })
    expect(await readEntryEvents(store, 300, all)).toMatchObject({ isResync: false, until: 700 })
  })
})
