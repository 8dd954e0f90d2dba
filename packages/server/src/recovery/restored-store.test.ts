/** A whole server whose data is put back to an earlier state, in all the ways in which that happens. */
import { cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeBase64, parseCrl } from '@countersign/protocol'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { callHttps } from '../test-support/http-call.ts'
import { createEntry, newKey, refusal } from '../test-support/machine-requests.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { TestAgent } from '../test-support/test-agent.ts'
import { startTestServer, type TestServer } from '../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const STORE = ['server.db', 'server.db-wal', 'server.db-shm']

async function startWorld() {
  const dataDir = await temporaryFolder()
  const saved = await temporaryFolder()
  const clock = new FakeClock()
  const test = await startTestServer({ dataDir, clock })
  const [one, two] = [await test.attestedAgent('/one'), await test.attestedAgent('/two')]
  const entry = await createEntry(test, one)
  await test.server.stop()
  await cp(dataDir, saved, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  return { dataDir, saved, clock, one, two, entry, start: () => startTestServer({ dataDir, clock }) }
}

async function putBack({ dataDir, saved }: { dataDir: string; saved: string }, names: readonly string[]) {
  for (const name of names) await rm(join(dataDir, name), { recursive: true, force: true })
  for (const name of await readdir(saved)) {
    if (names.includes(name)) await cp(join(saved, name), join(dataDir, name), { recursive: true })
  }
}

const ready = async ({ server, clock }: TestServer) => {
  // An answer is given again for a second.
  await clock.advance(1)
  return (await callHttps(`${server.publicUrl}/ready`)).status
}
const sync = (agent: TestAgent, { server }: TestServer) => {
  const again = new TestAgent(server.machineUrl)
  again.tls = agent.tls
  return again.call('/v1/agent/sync')
}
const crlNumber = async (agent: TestAgent, test: TestServer) => {
  const [crl] = (await sync(agent, test)).body.crls
  return Number(`0x${Buffer.from(parseCrl(decodeBase64(crl)).number ?? []).toString('hex')}`)
}
const revisionOf = async ({ admin }: TestServer) => (await admin('/v1/status')).body.revision as number
const resume = ({ admin }: TestServer, reason = 'restore') => admin('/v1/resume', { body: { reason } })

describe('a store that was put back by hand', () => {
  it('is noticed; nothing is issued or published until an operator says so; no revision has two meanings', async () => {
    const world = await startWorld()
    const newer = await world.start()
    await newer.admin('/v1/nodes/ban', { body: { agentId: world.two.agentId } })
    const prepared = await newer.admin('/v1/authorities/prepare', { body: { kind: 'x509' } })
    await createEntry(newer, world.one, { spiffeId: 'spiffe://example.org/late' })
    const used = await revisionOf(newer)
    const keys = await readdir(join(world.dataDir, 'keys'))
    const bundle = (await callHttps(`${newer.server.publicUrl}/bundle`)).body
    await newer.server.stop()

    await putBack(world, STORE)
    const test = await world.start()
    expect(test.log.events('issuance.held')).toEqual([expect.objectContaining({ cause: 'rolled-back' })])
    expect(await ready(test)).toBe(503)
    expect((await test.admin('/v1/status')).body.holds).toMatchObject([
      { reason: 'restore', code: 'ERR_HOLD_RESTORED' },
    ])
    for (const path of ['/bundle', '/bundle/x509-jwt', '/keys']) {
      expect(refusal(await callHttps(`${test.server.publicUrl}${path}`))).toBe('503 ERR_HOLD_RESTORED')
    }
    const held = '503 ERR_HOLD_RESTORED'
    expect(refusal(await sync(world.one, test))).toBe(held)
    const body = { attestor: 'join-token', evidence: { token: 'x' }, publicKey: newKey() }
    expect(refusal(await callHttps(`${test.server.machineUrl}/v1/agent/attest`, { body }))).toBe(held)

    // What is missing can be repeated first, under revisions that nobody has seen.
    const entry = await createEntry(test, world.one, { spiffeId: 'spiffe://example.org/other' })
    expect(entry.revision).toBeGreaterThan(used)
    await test.admin('/v1/nodes/ban', { body: { agentId: world.two.agentId } })
    // The keys made since are the only trace of what came after, and stay until then.
    expect(await readdir(join(world.dataDir, 'keys'))).toEqual(keys)
    expect(refusal(await resume(test, 'clock'))).toBe('409 ERR_HOLD_NONE')

    expect((await resume(test)).body).toEqual({ resumed: 'restore', holds: [] })
    expect(test.log.events('issuance.resumed')).toHaveLength(1)
    expect(await ready(test)).toBe(200)
    expect((await sync(world.one, test)).body.revision).toBeGreaterThan(used)
    expect(refusal(await sync(world.two, test))).toBe('403 ERR_NODE_BANNED')
    const again = (await callHttps(`${test.server.publicUrl}/bundle`)).body
    expect(again.spiffe_sequence).toBeGreaterThan(bundle.spiffe_sequence)
    await vi.waitFor(async () => {
      await test.clock.advance(1)
      expect(await crlNumber(world.one, test)).toBeGreaterThan(used)
    })
    await vi.waitFor(async () => {
      await test.clock.advance(1)
      expect(await readdir(join(world.dataDir, 'keys'))).not.toContain(`${prepared.body.id}.json`)
    })
    await test.server.stop()
    const later = await world.start()
    expect(await ready(later)).toBe(200)
  })

  it('stays on hold over a restart', async () => {
    const world = await startWorld()
    const newer = await world.start()
    await createEntry(newer, world.one, { spiffeId: 'spiffe://example.org/late' })
    await newer.server.stop()
    await putBack(world, STORE)
    await (await world.start()).server.stop()
    const test = await world.start()
    expect(await ready(test)).toBe(503)
    const held = await revisionOf(test)
    await resume(test)
    // Nothing was revoked meanwhile: followers that have seen a higher number take the list all the same.
    await vi.waitFor(async () => {
      await test.clock.advance(1)
      expect(await crlNumber(world.one, test)).toBeGreaterThan(held)
    })
  })

  it('that is gone is noticed too', async () => {
    const world = await startWorld()
    for (const name of STORE) await rm(join(world.dataDir, name), { force: true })
    const test = await world.start()
    expect(await ready(test)).toBe(503)
    expect(await revisionOf(test)).toBeGreaterThan(4096)
  })

  it('leaves a server alone that was killed between a change and the note of it', async () => {
    const world = await startWorld()
    await putBack(world, ['high-water'])
    const newer = await world.start()
    await createEntry(newer, world.one, { spiffeId: 'spiffe://example.org/late' })
    await newer.server.stop()
    await putBack(world, ['high-water'])
    expect(await ready(await world.start())).toBe(200)
  })
})

describe('a whole data folder that was put back', () => {
  it('is noticed when an agent comes with a certificate issued since; then it is taken in', async () => {
    const world = await startWorld()
    const newer = await world.start()
    const late = new TestAgent(newer.server.machineUrl)
    late.tls = world.one.tls
    late.agentId = world.one.agentId
    expect((await late.renew()).status).toBe(200)
    const entry = await createEntry(newer, late, { spiffeId: 'spiffe://example.org/late' })
    await newer.server.stop()

    await putBack(world, [...STORE, 'high-water', 'keys'])
    const test = await world.start()
    expect(await ready(test)).toBe(200)
    const events = await (() => {
      const agent = new TestAgent(test.server.machineUrl)
      agent.tls = world.two.tls
      return agent.events()
    })()
    await events.until(({ states }) => states.length === 1)
    expect(refusal(await sync(late, test))).toBe('503 ERR_HOLD_RESTORED')
    await events.ended()
    expect(test.log.events('issuance.held')).toEqual([expect.objectContaining({ cause: 'unknown-certificate' })])
    expect(await ready(test)).toBe(503)
    expect(await revisionOf(test)).toBeGreaterThan(entry.revision + 100_000_000)

    await resume(test)
    expect((await sync(late, test)).status).toBe(200)
    expect(test.log.events('node.adopted')).toEqual([expect.objectContaining({ agentId: late.agentId })])
    // What it was given before, and what it is given now, can be revoked.
    await test.admin('/v1/nodes/ban', { body: { agentId: late.agentId } })
    await vi.waitFor(async () => {
      await test.clock.advance(1)
      const { crls } = (await sync(world.two, test)).body
      expect(crls.flatMap((der: string) => parseCrl(decodeBase64(der)).revoked).length).toBeGreaterThanOrEqual(2)
    })
  })

  it('does not take in a node that is banned, or one that it has never known', async () => {
    const world = await startWorld()
    const newer = await world.start()
    const stranger = await newer.attestedAgent('/three')
    const late = new TestAgent(newer.server.machineUrl)
    late.tls = world.one.tls
    await late.renew()
    await newer.server.stop()
    await putBack(world, [...STORE, 'high-water', 'keys'])
    const test = await world.start()
    expect(refusal(await sync(late, test))).toBe('503 ERR_HOLD_RESTORED')
    await test.admin('/v1/nodes/ban', { body: { agentId: world.one.agentId } })
    await resume(test)
    expect(refusal(await sync(late, test))).toBe('403 ERR_NODE_BANNED')
    expect(refusal(await sync(stranger, test))).toBe('403 ERR_NODE_UNKNOWN')
    expect(test.log.events('node.adopted')).toEqual([])
  })

  it('is not claimed by a node that was evicted, or that renewed twice', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent('/one')
    const first = agent.tls
    await agent.renew()
    await agent.renew()
    const old = new TestAgent(test.server.machineUrl)
    old.tls = first
    expect(refusal(await old.call('/v1/agent/sync'))).toBe('403 ERR_NODE_UNKNOWN')
    await test.admin('/v1/nodes/evict', { body: { agentId: agent.agentId } })
    expect(refusal(await agent.call('/v1/agent/sync'))).toBe('403 ERR_NODE_UNKNOWN')
    expect(await ready(test)).toBe(200)
  })
})
