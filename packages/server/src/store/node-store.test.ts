import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { temporaryStore } from '../test-support/temporary-store.ts'
import { NodeStore } from './node-store.ts'

const agentId = 'spiffe://example.org/countersign/agent/node-1'

async function openNodes() {
  const { store, clock } = await temporaryStore()
  const nodes = new NodeStore(store)
  const attest = (serial: string) =>
    nodes.recordAttested({
      agentId,
      attestor: 'join-token',
      selectors: [{ type: 'join-token', value: 'x' }],
      serial,
      authorityId: 'x509-1',
      expiresAt: clock.now() + 3600,
    })
  return { nodes, clock, attest }
}

describe('NodeStore', () => {
  it('accepts the certificate of the last attestation only', async () => {
    const { nodes, attest } = await openNodes()
    await attest('01')
    await nodes.requireCurrent(agentId, '01')
    await attest('02')
    await nodes.requireCurrent(agentId, '02')
    await expectCode(nodes.requireCurrent(agentId, '01'), 'ERR_NODE_UNKNOWN')
  })

  it('knows nothing of other agents', async () => {
    const { nodes, attest } = await openNodes()
    await attest('01')
    await expectCode(nodes.requireCurrent(`${agentId}0`, '01'), 'ERR_NODE_UNKNOWN')
    expect(await nodes.get(`${agentId}0`)).toBe(undefined)
  })

  it('keeps the certificate a node renewed with, however many answers are lost', async () => {
    const { nodes, clock, attest } = await openNodes()
    await attest('01')
    await nodes.recordRenewed(agentId, '01', { serial: '02', authorityId: 'x509-1', expiresAt: clock.now() + 1 })
    await nodes.recordRenewed(agentId, '01', { serial: '03', authorityId: 'x509-1', expiresAt: clock.now() + 2 })
    await nodes.requireCurrent(agentId, '01')
    await nodes.requireCurrent(agentId, '03')
    await expectCode(nodes.requireCurrent(agentId, '02'), 'ERR_NODE_UNKNOWN')
    await nodes.recordRenewed(agentId, '03', { serial: '04', authorityId: 'x509-1', expiresAt: clock.now() + 3 })
    await expectCode(nodes.requireCurrent(agentId, '01'), 'ERR_NODE_UNKNOWN')
    expect((await nodes.get(agentId))?.expiresAt).toBe(clock.now() + 3)
  })

  it('refuses a renewal with a certificate that does not stand any more', async () => {
    const { nodes, clock, attest } = await openNodes()
    await attest('01')
    await attest('02')
    await expectCode(
      nodes.recordRenewed(agentId, '01', { serial: '03', authorityId: 'x509-1', expiresAt: clock.now() }),
      'ERR_NODE_UNKNOWN',
    )
  })

  it('refuses a renewal that a ban or an eviction overtook, and says which', async () => {
    const { nodes, clock, attest } = await openNodes()
    await attest('01')
    await nodes.ban(agentId)
    await expectCode(
      nodes.recordRenewed(agentId, '01', { serial: '02', authorityId: 'x509-1', expiresAt: clock.now() }),
      'ERR_NODE_BANNED',
    )
    await nodes.evict(agentId)
    await expectCode(
      nodes.recordRenewed(agentId, '01', { serial: '02', authorityId: 'x509-1', expiresAt: clock.now() }),
      'ERR_NODE_UNKNOWN',
    )
  })

  it('bans through attestation', async () => {
    const { nodes, clock, attest } = await openNodes()
    await attest('01')
    expect((await nodes.ban(agentId)).bannedAt).toBe(clock.now())
    await expectCode(nodes.requireCurrent(agentId, '01'), 'ERR_NODE_BANNED')
    await expectCode(attest('02'), 'ERR_NODE_BANNED')
    expect((await nodes.list()).map((node) => node.bannedAt)).toEqual([clock.now()])
  })

  it('keeps the time of the first ban', async () => {
    const { nodes, clock, attest } = await openNodes()
    await attest('01')
    const { bannedAt } = await nodes.ban(agentId)
    clock.jump(60)
    expect((await nodes.ban(agentId)).bannedAt).toBe(bannedAt)
  })

  it('forgets an evicted node, which may attest again', async () => {
    const { nodes, attest } = await openNodes()
    await attest('01')
    await nodes.evict(agentId)
    await expectCode(nodes.requireCurrent(agentId, '01'), 'ERR_NODE_UNKNOWN')
    await attest('02')
    await nodes.requireCurrent(agentId, '02')
    await expectCode(nodes.requireCurrent(agentId, '01'), 'ERR_NODE_UNKNOWN')
  })

  it('says so when a node to ban or evict is not there', async () => {
    const { nodes } = await openNodes()
    await expectCode(nodes.ban(agentId), 'ERR_NODE_NOT_FOUND')
    await expectCode(nodes.evict(agentId), 'ERR_NODE_NOT_FOUND')
  })
})
