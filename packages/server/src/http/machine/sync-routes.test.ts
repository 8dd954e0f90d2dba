import { X509Certificate } from 'node:crypto'
import { decodeBase64, parseCrl } from '@countersign/protocol'
import { describe, expect, it, vi } from 'vitest'
import { createEntry } from '../../test-support/machine-requests.ts'
import { startTestServer } from '../../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

describe('event stream', () => {
  it('pushes the state at once and after each change that concerns the agent', async () => {
    const test = await startTestServer()
    const [one, two] = [await test.attestedAgent('/one'), await test.attestedAgent('/two')]
    const [events, others] = [await one.events(), await two.events()]
    await events.until(({ states }) => states.length === 1)
    await others.until(({ states }) => states.length === 1)
    expect(events.response.headers['content-type']).toBe('text/event-stream')

    const entry = await createEntry(test, one)
    await test.clock.advance(1)
    await events.until(({ states }) => states.length === 2)
    expect(events.states.at(-1)?.entries).toEqual([entry])

    await test.admin(`/v1/entries/${entry.id}`, { method: 'DELETE' })
    await test.clock.advance(1)
    await events.until(({ states }) => states.length === 3)
    expect(events.states.at(-1)?.entries).toEqual([])
    expect(others.states).toHaveLength(1)

    await test.clock.advance(15)
    await events.until(({ names }) => names.at(-1) === 'current')
    expect([events.names, events.isTrue]).toEqual([['sync', 'change', 'change', 'current'], true])
  })

  it('brings a federated bundle to the agents whose entries name its domain', async () => {
    const test = await startTestServer()
    const [one, two] = [await test.attestedAgent('/one'), await test.attestedAgent('/two')]
    const entry = await createEntry(test, one, { federatesWith: ['partner.example'] })
    expect(entry.federatesWith).toEqual(['partner.example'])
    const [events, others] = [await one.events(), await two.events()]
    await events.until(({ states }) => states.length === 1)
    expect(events.states[0]?.bundles.map(({ trustDomain }) => trustDomain)).toEqual(['example.org'])
    const put = await test.admin('/v1/bundles/partner.example', {
      method: 'PUT',
      body: { keys: [], spiffe_sequence: 7 },
    })
    expect(put.status).toBe(200)
    await test.clock.advance(1)
    await events.until(({ states }) => states.length === 2)
    expect(events.states[1]?.bundles.map(({ trustDomain }) => trustDomain)).toEqual(['example.org', 'partner.example'])
    expect(others.states).toHaveLength(1)
  })

  it.each(['ban', 'evict'])('ends at once on %s', async (verb) => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const events = await agent.events()
    await events.until(({ states }) => states.length === 1)
    await test.admin(`/v1/nodes/${verb}`, { body: { agentId: agent.agentId } })
    await events.ended()
    expect(events.states).toHaveLength(1)
  })

  it.each(['ban', 'evict'])('tells the other nodes on %s which certificates are revoked', async (verb) => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const banned = await test.attestedAgent()
    const events = await agent.events()
    await events.until(({ states }) => states.length === 1)
    const revoked = () => events.states.at(-1)?.crls?.flatMap((der) => parseCrl(decodeBase64(der)).revoked)
    expect(revoked()).toEqual([])
    await test.admin(`/v1/nodes/${verb}`, { body: { agentId: banned.agentId } })
    await vi.waitFor(async () => {
      // What has changed together is sent together, after 20 ms.
      await test.clock.advance(0.02)
      expect(revoked()).toHaveLength(1)
    })
    const { serialNumber } = new X509Certificate(banned.tls?.cert ?? '')
    expect(revoked()?.map((serial) => Buffer.from(serial).toString('hex').toUpperCase())).toEqual([serialNumber])
    expect((await agent.call('/v1/agent/sync')).body.crls).toEqual(events.states.at(-1)?.crls)
  })

  it('ends with the certificate', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const events = await agent.events()
    await events.until(({ states }) => states.length === 1)
    // Its last second, and the heartbeat after it.
    await test.clock.advance(3615)
    await events.ended()
  })

  it('keeps four streams of one agent, the newest', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const streams = []
    for (let index = 0; index < 5; index++) {
      const events = await agent.events()
      await events.until(({ states }) => states.length === 1)
      streams.push(events)
    }
    await streams[0]?.ended()
    expect(streams.map(({ isEnded }) => isEnded)).toEqual([true, false, false, false, false])
  })
})
