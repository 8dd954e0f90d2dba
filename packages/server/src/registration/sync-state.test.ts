import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { BundleStore } from '../store/bundle-store.ts'
import { EntryStore } from '../store/entry-store.ts'
import { NodeStore } from '../store/node-store.ts'
import { temporaryStore } from '../test-support/temporary-store.ts'
import { SyncStates } from './sync-state.ts'

const agentId = 'spiffe://example.org/countersign/agent/node-1'

async function open() {
  const { store, clock } = await temporaryStore()
  const nodes = new NodeStore(store)
  await nodes.recordAttested({
    agentId,
    attestor: 'a',
    selectors: [],
    serial: '01',
    authorityId: 'x509-1',
    expiresAt: clock.now() + 60,
  })
  const entries = new EntryStore(store)
  const create = (id: string, change: object = {}) =>
    entries.create(id, {
      spiffeId: `spiffe://example.org/${id}`,
      parentId: agentId,
      selectors: [{ type: 'unix', value: 'uid:1' }],
      ...change,
    })
  return { store, clock, nodes, create, bundles: new BundleStore(store), states: new SyncStates(store, 'example.org') }
}

describe('SyncStates', () => {
  it('tells the own bundle first, then those that some entry names and that are known', async () => {
    const { states, bundles, create, store, clock } = await open()
    for (const name of ['zebra.example', 'aardvark.example', 'other.example', 'example.org']) {
      await bundles.put(name, { keys: [] })
    }
    await create('a', { federatesWith: ['zebra.example', 'unknown.example'] })
    await create('b', { federatesWith: ['aardvark.example', 'zebra.example'] })
    const state = await states.read(agentId, '01', clock.now())
    expect(state.bundles.map(({ trustDomain }) => trustDomain)).toEqual([
      'example.org',
      'aardvark.example',
      'zebra.example',
    ])
    expect(state.revision).toBe(await store.revision())
  })

  it('leaves out entries that are over, and the bundles only they name', async () => {
    const { states, bundles, create, clock } = await open()
    await bundles.put('partner.example', { keys: [] })
    await create('a', { expiresAt: clock.now() + 10, federatesWith: ['partner.example'] })
    expect((await states.read(agentId, '01', clock.now() + 9)).entries).toHaveLength(1)
    const later = await states.read(agentId, '01', clock.now() + 10)
    expect([later.entries, later.bundles]).toEqual([[], []])
  })

  it('tells nothing to a node that was refused meanwhile', async () => {
    const { states, nodes, clock } = await open()
    await expectCode(states.read(agentId, '02', clock.now()), 'ERR_NODE_UNKNOWN')
    await nodes.ban(agentId)
    await expectCode(states.read(agentId, '01', clock.now()), 'ERR_NODE_BANNED')
  })
})
