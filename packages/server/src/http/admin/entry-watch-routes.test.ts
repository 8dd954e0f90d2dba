import { type IncomingMessage, request } from 'node:http'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createEntry, refusal } from '../../test-support/machine-requests.ts'
import { startTestServer, type TestServer } from '../../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

async function follow({ server }: TestServer, query = '', headers = {}) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(
      { socketPath: server.adminSocket, path: `/v1/entries/events${query}`, headers, agent: false },
      resolve,
    )
    outgoing.on('error', reject)
    outgoing.end()
    onTestFinished(() => void outgoing.destroy())
  })
  response.on('error', () => {})
  const world = { text: '' }
  response.setEncoding('utf8').on('data', (text: string) => {
    world.text += text
  })
  const events = () =>
    [...world.text.matchAll(/event: (\w+)\nid: (\d+)\ndata: (.*)\n\n/g)].map(([, name, id, data]) => ({
      ...{ name, id: Number(id), data: JSON.parse(data ?? '') },
    }))
  return { response, events, until: (count: number) => vi.waitFor(() => expect(events()).toHaveLength(count)) }
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

  it('refuses one watcher more than sixty-four, and takes another when one has gone', async () => {
    const test = await startTestServer()
    const watches = []
    for (let index = 0; index < 64; index++) watches.push(await follow(test))
    expect(refusal(await test.admin('/v1/entries/events'))).toBe('503 ERR_HTTP_BUSY')
    watches[0]?.response.destroy()
    await vi.waitFor(async () => expect((await follow(test)).response.statusCode).toBe(200))
  })

  it('ends with the server', async () => {
    const test = await startTestServer()
    const watch = await follow(test)
    await watch.until(1)
    const ended = new Promise((resolve) => watch.response.on('close', resolve))
    await test.server.stop()
    await ended
  })
})
