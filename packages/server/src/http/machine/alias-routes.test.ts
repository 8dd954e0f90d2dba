import { describe, expect, it, vi } from 'vitest'
import { newKey, refusal } from '../../test-support/machine-requests.ts'
import { TestAgent } from '../../test-support/test-agent.ts'
import { startTestServer, type TestServer } from '../../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const SERVER_ID = 'spiffe://example.org/countersign/server'
const HOSTS = 'spiffe://example.org/hosts/db'

async function agentWith({ admin, server }: TestServer, agentPath: string, selectors: readonly string[]) {
  const { body } = await admin('/v1/join-tokens', { body: { agentPath, selectors } })
  const agent = new TestAgent(server.machineUrl)
  await agent.attest(body.token)
  return agent
}

const alias = (value = 'role:db') => ({
  ...{ spiffeId: HOSTS, parentId: SERVER_ID, selectors: [{ type: 'join_token', value }] },
})
const shared = { spiffeId: 'spiffe://example.org/db', parentId: HOSTS, selectors: [{ type: 'unix', value: 'uid:1' }] }

describe('node aliases', () => {
  it('give the entries below them to every node with their selectors, and take them away again', async () => {
    const test = await startTestServer()
    const member = await agentWith(test, '/one', ['role:db', 'rack:7'])
    const other = await agentWith(test, '/two', ['role:web'])
    const events = await member.events()
    await events.until(({ states }) => states.length === 1)
    expect(refusal(await test.admin('/v1/entries', { body: shared }))).toBe('400 ERR_ENTRY_PARENT')
    const aliasEntry = (await test.admin('/v1/entries', { body: alias() })).body
    const entry = (await test.admin('/v1/entries', { body: shared })).body
    await test.clock.advance(1)
    await events.until(({ states }) => states.at(-1)?.entries.length === 1)
    expect(events.states.at(-1)).toMatchObject({ aliases: [HOSTS], entries: [entry] })
    expect((await member.call('/v1/agent/sync')).body).toMatchObject({ aliases: [HOSTS], entries: [entry] })
    expect((await other.call('/v1/agent/sync')).body.entries).toEqual([])

    const ask = (agent: TestAgent, entryId: string) =>
      agent.call('/v1/agent/x509-svids', { body: { requests: [{ entryId, publicKey: newKey() }] } })
    expect((await ask(member, entry.id)).body.svids[0].credential.spiffeId).toBe(shared.spiffeId)
    expect(refusal(await ask(other, entry.id))).toBe('403 ERR_ENTITLEMENT_ENTRY')
    expect(refusal(await ask(member, aliasEntry.id))).toBe('403 ERR_ENTITLEMENT_ENTRY')

    await test.admin(`/v1/entries/${aliasEntry.id}`, { method: 'DELETE' })
    expect(refusal(await ask(member, entry.id))).toBe('403 ERR_ENTITLEMENT_ENTRY')
    await test.clock.advance(1)
    await events.until(({ states }) => states.at(-1)?.entries.length === 0)
    expect([events.isTrue, events.names.filter((name) => name === 'sync')]).toEqual([true, ['sync']])
  })

  it('end with their time: nothing is issued below them in that very second', async () => {
    const test = await startTestServer()
    const member = await agentWith(test, '/one', ['role:db'])
    await test.admin('/v1/entries', { body: { ...alias(), expiresAt: test.clock.now() + 60 } })
    const entry = (await test.admin('/v1/entries', { body: shared })).body
    const body = { requests: [{ entryId: entry.id, publicKey: newKey() }] }
    expect((await member.call('/v1/agent/x509-svids', { body })).status).toBe(200)
    // Without any timer having run.
    test.clock.jump(60)
    expect(refusal(await member.call('/v1/agent/x509-svids', { body }))).toBe('403 ERR_ENTITLEMENT_ENTRY')
  })

  it('follow a node that attests again with other selectors', async () => {
    const test = await startTestServer()
    await test.admin('/v1/entries', { body: alias() })
    await test.admin('/v1/entries', { body: shared })
    await agentWith(test, '/one', ['role:db'])
    const again = await agentWith(test, '/one', ['role:web'])
    expect((await again.call('/v1/agent/sync')).body.entries).toEqual([])
    const once = await agentWith(test, '/one', ['role:db'])
    expect((await once.call('/v1/agent/sync')).body.entries).toHaveLength(1)
  })

  it.each(['/role', '', 'a\u0000b', 'x'.repeat(257)])('refuse a token with the selector %j', async (selector) => {
    const test = await startTestServer()
    const reply = await test.admin('/v1/join-tokens', { body: { selectors: [selector] } })
    expect(refusal(reply)).toBe('400 ERR_HTTP_INVALID')
  })

  it('expire in their second: the agent is told at once', async () => {
    const test = await startTestServer()
    const agent = await agentWith(test, '/one', [])
    await test.admin('/v1/entries', {
      body: { ...shared, parentId: agent.agentId, expiresAt: test.clock.now() + 10 },
    })
    const events = await agent.events()
    await events.until(({ states }) => states.length === 1)
    await test.clock.advance(10)
    await vi.waitFor(async () => {
      await test.clock.advance(0.02)
      expect(events.states.at(-1)?.entries).toEqual([])
    })
    expect(test.log.events('entry.expired')).toHaveLength(1)
  })
})
