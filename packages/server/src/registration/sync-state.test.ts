import { type SyncChange, SyncedState, type SyncState } from '@countersign/api'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { type Authority, AuthorityStore } from '../store/authority-store.ts'
import { BundleStore } from '../store/bundle-store.ts'
import { EntryStore } from '../store/entry-store.ts'
import { NodeStore } from '../store/node-store.ts'
import { temporaryStore } from '../test-support/temporary-store.ts'
import { EntryDirectory } from './entry-directory.ts'
import { type SyncAnswer, SyncStates } from './sync-state.ts'

const agentId = 'spiffe://example.org/countersign/agent/node-1'
const otherId = 'spiffe://example.org/countersign/agent/node-2'
const serverId = 'spiffe://example.org/countersign/server'
const dbHosts = 'spiffe://example.org/hosts/db'
const role = { type: 'join_token', value: 'role:db' }

async function open() {
  const { store, clock } = await temporaryStore()
  const nodes = new NodeStore(store)
  const directory = await EntryDirectory.open(store)
  const states = new SyncStates(store, directory, 'example.org')
  const attest = (id: string, serial: string, selectors = [role]) =>
    nodes.recordAttested({
      ...{ agentId: id, attestor: 'a', selectors, serial, authorityId: 'x509-1', expiresAt: clock.now() + 60 },
    })
  await attest(agentId, '01')
  const entries = new EntryStore(store)
  const create = (id: string, change: object = {}) =>
    entries.create(id, {
      spiffeId: `spiffe://example.org/${id}`,
      parentId: agentId,
      selectors: [{ type: 'unix', value: 'uid:1' }],
      ...change,
    })
  const alias = (id: string, selectors = [role]) => create(id, { spiffeId: dbHosts, parentId: serverId, selectors })
  const whole = async () => parse<SyncState>(await states.read(agentId, '01'))
  return {
    store,
    clock,
    nodes,
    attest,
    entries,
    create,
    alias,
    whole,
    bundles: new BundleStore(store),
    states,
    directory,
  }
}

const parse = <T>({ data }: SyncAnswer) => JSON.parse(data) as T
const ids = (state: { readonly entries?: readonly { readonly id: string }[] }) =>
  state.entries?.map(({ id }) => id).sort()

describe('SyncStates, the whole', () => {
  it('tells the own bundle first, then those that some entry names and that are known', async () => {
    const { whole, bundles, create, store } = await open()
    for (const name of ['zebra.example', 'aardvark.example', 'other.example', 'example.org']) {
      await bundles.put(name, { keys: [] })
    }
    await create('a', { federatesWith: ['zebra.example', 'unknown.example'] })
    await create('b', { federatesWith: ['aardvark.example', 'zebra.example'] })
    const state = await whole()
    expect(state.bundles.map(({ trustDomain }) => trustDomain)).toEqual([
      'example.org',
      'aardvark.example',
      'zebra.example',
    ])
    expect(state.revision).toBe(await store.revision())
    expect(state.digest).toBe(new SyncedState(state).digest)
  })

  it('leaves out entries that are over, and the bundles only they name', async () => {
    const { whole, bundles, create, clock, entries } = await open()
    await bundles.put('partner.example', { keys: [] })
    await create('a', { expiresAt: clock.now() + 10, federatesWith: ['partner.example'] })
    expect((await whole()).entries).toHaveLength(1)
    await entries.removeExpired(clock.now() + 10)
    const later = await whole()
    expect([later.entries, later.bundles]).toEqual([[], []])
  })

  it('tells nothing to a node that was refused meanwhile', async () => {
    const { states, nodes } = await open()
    await expectCode(states.read(agentId, '02'), 'ERR_NODE_UNKNOWN')
    await nodes.ban(agentId)
    await expectCode(states.read(agentId, '01'), 'ERR_NODE_BANNED')
  })

  it('has the entries of the node and of its aliases, and of no others', async () => {
    const { whole, create, alias, attest } = await open()
    await attest(otherId, '02', [])
    await alias('alias')
    await create('own')
    await create('shared', { parentId: dbHosts })
    await create('other', { parentId: otherId })
    const state = await whole()
    expect([ids(state), state.aliases]).toEqual([['own', 'shared'], [dbHosts]])
  })
})

describe('SyncStates, the difference', () => {
  /** What an agent has after a first answer, and how it goes on from there. */
  async function follow() {
    const world = await open()
    const first = await world.states.read(agentId, '01')
    const synced = new SyncedState(parse<SyncState>(first))
    let { sent } = first
    const next = async () => {
      const answer = await world.states.read(agentId, '01', sent)
      sent = answer.sent
      return answer
    }
    /** Takes one change, which must lead to what the whole would be. */
    const change = async () => {
      const answer = await next()
      expect(answer.event).toBe('change')
      const change = parse<SyncChange>(answer)
      expect(synced.apply(change)).toBe(true)
      const whole = new SyncedState(await world.whole())
      expect([synced.digest, ids(synced.state)]).toEqual([whole.digest, ids(whole.state)])
      return change
    }
    return { ...world, synced, next, change }
  }

  it('is what has come, changed and gone, and nothing else', async () => {
    const { create, entries, change, next } = await follow()
    await create('a')
    await create('b')
    expect(ids(await change())).toEqual(['a', 'b'])
    await entries.update('b', ({ id: _, revision: __, createdAt: ___, ...fields }) => ({ ...fields, hint: 'x' }))
    const updated = await change()
    expect(updated.entries).toMatchObject([{ id: 'b', hint: 'x' }])
    await entries.delete('a')
    expect(await change()).toEqual({
      after: updated.revision,
      revision: updated.revision + 1,
      removed: ['a'],
      digest: expect.any(String),
    })
    await create('elsewhere', { parentId: otherId })
    expect((await next()).event).toBe('current')
  })

  it('tells an entry that moved away as removed', async () => {
    const { create, entries, change } = await follow()
    await create('a')
    await change()
    await entries.update('a', ({ id: _, revision: __, createdAt: ___, ...fields }) => ({
      ...fields,
      parentId: otherId,
    }))
    expect(await change()).toMatchObject({ removed: ['a'] })
  })

  it('brings what lies below an alias with the alias, and takes it away with it', async () => {
    const { create, alias, entries, change, synced } = await follow()
    await alias('alias', [{ type: 'join_token', value: 'role:web' }])
    for (let index = 0; index < 20; index++) await create(`shared-${index}`, { parentId: dbHosts })
    await create('own')
    expect(ids(await change())).toEqual(['own'])
    await alias('alias-2')
    const gained = await change()
    expect([gained.aliases, gained.entries?.length]).toEqual([[dbHosts], 20])
    await entries.delete('shared-3')
    await entries.delete('alias-2')
    expect(await change()).toMatchObject({ aliases: [] })
    expect(ids(synced.state)).toEqual(['own'])
  })

  it('brings only the bundles that are new', async () => {
    const { bundles, create, change, entries } = await follow()
    await bundles.put('example.org', { keys: [], spiffe_sequence: 1 })
    await bundles.put('partner.example', { keys: [] })
    expect(await change()).toMatchObject({ trustDomains: ['example.org'], bundles: [{ trustDomain: 'example.org' }] })
    await create('a', { federatesWith: ['partner.example'] })
    const both = { trustDomains: ['example.org', 'partner.example'] }
    expect(await change()).toMatchObject({ ...both, bundles: [{ trustDomain: 'partner.example' }] })
    await entries.delete('a')
    expect(await change()).toMatchObject({ trustDomains: ['example.org'], bundles: [] })
  })

  it('brings the CAs that sign lists as they come and go', async () => {
    const { store, change, synced, next } = await follow()
    const authorities = new AuthorityStore(store, async () => {})
    const authority: Authority = {
      ...{ id: 'x509-1', kind: 'x509' as const, keyName: 'k', state: 'prepared' as const, notBefore: 1, notAfter: 2 },
      ...{
        certificate: Uint8Array.of(1),
        upstream: { chain: [Uint8Array.of(2)], root: Uint8Array.of(3), isImported: false },
      },
    }
    await authorities.add(authority)
    expect(await change()).toMatchObject({ intermediates: ['AQ==', 'Ag=='] })
    expect((await next()).event).toBe('current')
    await authorities.remove(authority)
    expect(await change()).toMatchObject({ intermediates: [] })
    expect(synced.state).not.toHaveProperty('intermediates')
  })

  it('goes on from what an agent says it has', async () => {
    const { create, whole, states, entries } = await follow()
    for (let index = 0; index < 5; index++) await create(`e-${index}`)
    const synced = new SyncedState(await whole())
    const claim = () => ({ revision: synced.state.revision, digest: synced.digest })
    expect((await states.read(agentId, '01', claim())).event).toBe('current')
    await create('late')
    await entries.delete('e-1')
    const answer = await states.read(agentId, '01', claim())
    expect(answer.event).toBe('change')
    expect(synced.apply(parse(answer))).toBe(true)
    expect(ids(synced.state)).toEqual(['e-0', 'e-2', 'e-3', 'e-4', 'late'])
  })

  it('is no basis after a restart, when what changed before is not known any more, unless nothing has', async () => {
    const { create, whole, store } = await follow()
    await create('a')
    const { revision, digest = '' } = await whole()
    await create('b')
    const restarted = new SyncStates(store, await EntryDirectory.open(store), 'example.org')
    expect((await restarted.read(agentId, '01', { revision, digest })).event).toBe('sync')
    const now = await whole()
    const claim = { revision: now.revision, digest: now.digest ?? '' }
    expect((await restarted.read(agentId, '01', claim)).event).toBe('current')
  })

  it('is no basis in the future, nor when aliases have changed since', async () => {
    const { create, whole, states, alias } = await follow()
    await create('a')
    const { revision } = await whole()
    expect((await states.read(agentId, '01', { revision: revision + 1, digest: 'other' })).event).toBe('sync')
    expect((await states.read(agentId, '01', { revision, digest: 'other' })).event).toBe('change')
    await alias('alias')
    expect((await states.read(agentId, '01', { revision, digest: 'other' })).event).toBe('sync')
  })

  it('is found out to be wrong by an agent that has something else', async () => {
    const { create, whole, states } = await follow()
    for (let index = 0; index < 3; index++) await create(`e-${index}`)
    const state = await whole()
    const synced = new SyncedState({ ...state, entries: state.entries.slice(1) })
    await create('late')
    const answer = await states.read(agentId, '01', { revision: state.revision, digest: synced.digest })
    expect(answer.event).toBe('change')
    expect(synced.apply(parse(answer))).toBe(false)
  })

  it('gives way to the whole when that is smaller', async () => {
    const { create, entries, next, alias } = await follow()
    await alias('alias')
    for (let index = 0; index < 200; index++) await create(`e-${index}`)
    expect((await next()).event).toBe('sync')
    for (let index = 0; index < 10; index++) await entries.delete(`e-${index}`)
    expect((await next()).event).toBe('change')
  })
})
