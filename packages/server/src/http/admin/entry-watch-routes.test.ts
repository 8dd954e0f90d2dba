import { type IncomingMessage, request } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createEntry, refusal } from '../../test-support/machine-requests.ts'
import {
  createAdministrator,
  createProgram,
  grantRole,
  type TestAdministrator,
} from '../../test-support/test-administrator.ts'
import { startTestServer, type TestServer } from '../../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

/** @param remote over the network, with the certificate of an administrator */
async function follow({ server }: TestServer, query = '', headers = {}, remote?: TestAdministrator) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const path = `/v1/entries/events${query}`
    const outgoing =
      remote === undefined
        ? request({ socketPath: server.adminSocket, path, headers, agent: false }, resolve)
        : httpsRequest(
            `${server.machineUrl}${path}`,
            { ...remote.tls, headers, agent: false, rejectUnauthorized: false },
            resolve,
          )
    outgoing.on('error', reject)
    outgoing.end()
    onTestFinished(() => void outgoing.destroy())
  })
  response.on('error', () => {})
  const world = { text: '' }
  const ended = new Promise<void>((resolve) => response.on('close', resolve))
  response.setEncoding('utf8').on('data', (text: string) => {
    world.text += text
  })
  const events = () =>
    [...world.text.matchAll(/event: (\w+)\nid: (\d+)\ndata: (.*)\n\n/g)].map(([, name, id, data]) => ({
      ...{ name, id: Number(id), data: JSON.parse(data ?? '') },
    }))
  return { response, events, ended, until: (count: number) => vi.waitFor(() => expect(events()).toHaveLength(count)) }
}

describe('GET /v1/entries/events', () => {
  it('tells what happens from now on, or from where a watcher left off', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const first = await createEntry(test, agent, { spiffeId: 'spiffe://example.org/team-a/web' })
    const watch = await follow(test, `?below=${encodeURIComponent('spiffe://example.org/team-a')}`)
    await watch.until(1)
    expect(watch.response.headers['content-type']).toBe('text/event-stream')
    expect(watch.events()).toMatchObject([{ name: 'mark', id: first.revision }])
    await createEntry(test, agent, { spiffeId: 'spiffe://example.org/team-b/web' })
    const second = await createEntry(test, agent, { spiffeId: 'spiffe://example.org/team-a/db' })
    await test.clock.advance(1)
    await watch.until(2)
    expect(watch.events().at(-1)).toMatchObject({ name: 'change', data: { change: 'created', entry: second } })

    await test.admin(`/v1/entries/${first.id}`, { method: 'DELETE' })
    const again = await follow(test, '?after=0', { 'last-event-id': String(first.revision) })
    await again.until(4)
    expect(
      again
        .events()
        .slice(1)
        .map(({ data }) => [data.change, data.spiffeId]),
    ).toEqual([
      ['created', 'spiffe://example.org/team-b/web'],
      ['created', 'spiffe://example.org/team-a/db'],
      ['deleted', 'spiffe://example.org/team-a/web'],
    ])
  })

  it('says that it cannot go on from a revision that it does not know', async () => {
    const test = await startTestServer()
    const watch = await follow(test, '?after=4711')
    await watch.until(2)
    expect(watch.events().map(({ name }) => name)).toEqual(['mark', 'resync'])
  })

  it.each([
    ['?after=-1', {}, '400 ERR_HTTP_INVALID'],
    ['?after=1&after=2', {}, '400 ERR_HTTP_INVALID'],
    ['?below=team-a', {}, '400 ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['?x=1', {}, '400 ERR_HTTP_INVALID'],
    ['', { 'last-event-id': 'x' }, '400 ERR_HTTP_INVALID'],
  ])('refuses %s %j', async (query, headers, expected) => {
    const test = await startTestServer()
    expect(refusal(await test.admin(`/v1/entries/events${query}`, { headers }))).toBe(expected)
  })

  it('refuses one caller more than sixteen, but no other, and takes another when one has gone', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const viewer = await createAdministrator(test, agent, '/callers/viewer', { role: 'viewer', prefix: '/' })
    const watches = []
    for (let index = 0; index < 16; index++) watches.push(await follow(test))
    expect(refusal(await test.admin('/v1/entries/events'))).toBe('503 ERR_HTTP_BUSY')
    expect((await viewer.call('/v1/entries/events')).status).toBe(200)
    watches[0]?.response.destroy()
    await vi.waitFor(async () => expect((await follow(test)).response.statusCode).toBe(200))
  })

  it('ends with the server', async () => {
    const test = await startTestServer()
    const watch = await follow(test)
    await watch.until(1)
    await test.server.stop()
    await watch.ended
  })

  it('tells a team of its own entries only, over the network', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const viewer = await createAdministrator(test, agent, '/callers/viewer', { role: 'viewer', prefix: '/team-a' })
    const watch = await follow(test, '?after=0', {}, viewer)
    await createEntry(test, agent, { spiffeId: 'spiffe://example.org/team-b/web' })
    const own = await createEntry(test, agent, { spiffeId: 'spiffe://example.org/team-a/web' })
    await test.clock.advance(1)
    await watch.until(2)
    expect(watch.events().map(({ name, data }) => [name, data.spiffeId])).toEqual([
      ['mark', undefined],
      ['change', own.spiffeId],
    ])
    // An identifier that a team loses sight of is gone, for it.
    await test.admin(`/v1/entries/${own.id}`, {
      method: 'PATCH',
      body: { spiffeId: 'spiffe://example.org/team-b/moved' },
    })
    await test.clock.advance(1)
    await watch.until(3)
    expect(watch.events().at(-1)?.data).toMatchObject({ change: 'deleted', spiffeId: own.spiffeId })
  })

  it('ends when somebody may have lost a role, and tells nothing more', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const viewer = await createProgram(test, agent, '/callers/viewer')
    const grant = { role: 'viewer', prefix: '/team-a' } as const
    const { id } = await grantRole(test, { subject: { spiffeId: viewer.spiffeId }, ...grant })
    const watch = await follow(test, '', {}, viewer)
    await watch.until(1)
    await test.admin(`/v1/role-grants/${id}`, { method: 'DELETE' })
    await watch.ended
    expect(refusal(await viewer.call('/v1/entries/events'))).toBe('403 ERR_ADMIN_NO_ROLE')

    const program = await createProgram(test, agent, '/callers/admin', { admin: true })
    const all = await follow(test, '', {}, program)
    await all.until(1)
    const { entries } = (await test.admin(`/v1/entries?spiffeId=${encodeURIComponent(program.spiffeId)}`)).body
    await test.admin(`/v1/entries/${entries[0].id}`, { method: 'DELETE' })
    await all.ended
    expect(refusal(await program.call('/v1/entries/events'))).toBe('403 ERR_ADMIN_NO_ROLE')
  })

  it('ends with the node whose certificate the watcher has', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const viewer = await createAdministrator(test, agent, '/callers/viewer', { role: 'viewer', prefix: '/' })
    const watch = await follow(test, '', {}, viewer)
    await watch.until(1)
    await test.admin('/v1/nodes/ban', { body: { agentId: agent.agentId } })
    await watch.ended
  })
})
