/** Clients and servers at their worst: each is refused or bounded, and another program is served all the while. */
import { fromBinary } from '@bufbuild/protobuf'
import { X509SVIDResponseSchema } from '@countersign/workload-api/server'
import { describe, expect, it } from 'vitest'
import { entry } from '../test-support/fake-server.ts'
import { FLAG, FRAME, frame } from '../test-support/http2-frames.ts'
import { RawClient } from '../test-support/raw-client.ts'
import { eventually, reader, startReadyWorld, type World } from '../test-support/running-agent.ts'

const web = entry('e1', '/web')
const withEntries = (...entries: (typeof web)[]) => ({ prepare: (server: World['server']) => server.set({ entries }) })

async function expectServed(world: World): Promise<void> {
  const { svids } = await reader(world.client().fetchX509Svid()).next()
  expect(svids.length).toBeGreaterThan(0)
}

describe('a client that opens 5,000 streams on one connection', () => {
  it('gets a hundred at most, and then loses its connection', async () => {
    const world = await startReadyWorld(withEntries(web))
    const client = (await RawClient.connect(world.config.socket)).read()
    client.socket.write(Buffer.concat(Array.from({ length: 5000 }, () => client.request())))
    await eventually(() => client.isClosed || client.framesOf(FRAME.reset).length >= 4900, 'streams are refused')
    const served = new Set(client.framesOf(FRAME.data).map(({ streamId }) => streamId))
    expect(served.size).toBeLessThanOrEqual(100)
    await expectServed(world)
  })

  it('cannot get round that with many connections: a user has so many streams in all', async () => {
    const world = await startReadyWorld({ ...withEntries(web), limits: { streamsPerUser: 10 } })
    const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(world.config.socket)))
    for (const client of clients) client.read().socket.write(Buffer.concat([client.request(), client.request()]))
    await eventually(() => clients.every((each) => each.framesOf(FRAME.data).length >= 2), 'eight are served')
    const late = (await RawClient.connect(world.config.socket)).read()
    late.socket.write(Buffer.concat(Array.from({ length: 5 }, () => late.request())))
    await eventually(() => late.framesOf(FRAME.headers).length >= 5, 'all are answered')
    expect(new Set(late.framesOf(FRAME.data).map(({ streamId }) => streamId)).size).toBe(2)
    expect(world.log.with('workload API call failed unexpectedly')).toEqual([])
    await expect(reader(world.client().fetchX509Svid()).next()).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_UNAVAILABLE',
      detail: 'too many streams are open',
    })
    for (const client of clients) client.socket.destroy()
    await eventually(() => clients.every((each) => each.isClosed))
    await eventually(() => world.agent.connections() <= 2, 'connections are gone')
    await expectServed(world)
  })
})

describe('a client that never reads', () => {
  it('costs one message, and gets the newest state when it reads at last', async () => {
    const many = Array.from({ length: 100 }, (_, index) => entry(`e${index}`, `/${index}`))
    const world = await startReadyWorld({ ...withEntries(...many), limits: { credentials: 128 } })
    const lazy = await RawClient.connect(world.config.socket)
    lazy.socket.pause()
    lazy.socket.write(lazy.request())
    const other = reader(world.client().fetchX509Svid())
    await other.next()
    for (let turn = 1; turn <= 50; turn++) {
      // Other hints: other messages of more than 100 KiB, with the same credentials.
      const entries = many.map((each, index) => ({ ...each, hint: `${turn} ${index} ${'x'.repeat(200)}` }))
      world.server.change(() => world.server.set({ entries }))
      await other.next()
    }
    const window = Buffer.alloc(4)
    window.writeUInt32BE(0x3fff_ffff)
    lazy.read().socket.resume()
    lazy.socket.write(Buffer.concat([frame(8, 0, 0, window), frame(8, 0, 1, window)]))
    const messages = () => readMessages(Buffer.concat(lazy.framesOf(FRAME.data).map(({ payload }) => payload)))
    await eventually(() => messages().at(-1)?.startsWith('50 ') === true, 'the newest state')
    expect(messages().length).toBeLessThanOrEqual(3)
  })
})

/** First hint of each whole message. */
function readMessages(bytes: Buffer): string[] {
  const hints: string[] = []
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    if (end > bytes.length) break
    hints.push(fromBinary(X509SVIDResponseSchema, bytes.subarray(at + 5, end)).svids[0]?.hint ?? '')
    at = end
  }
  return hints
}

describe('a client that sends 1 GB of headers', () => {
  it.each([
    ['in one endless block', () => frame(FRAME.continuation, 0, 1, Buffer.alloc(16_384, 0x61)), 0],
    ['request by request', (client: RawClient) => client.request({ big: 'x'.repeat(15_000) }), FLAG.endHeaders],
  ])('is refused long before: %s', async (_, next, firstFlags) => {
    const world = await startReadyWorld(withEntries(web))
    const client = (await RawClient.connect(world.config.socket)).read()
    if (firstFlags === 0) client.socket.write(frame(FRAME.headers, 0, 1, Buffer.alloc(16_384, 0x61)))
    const sent = await client.sendUntilRefused(() => next(client), 1024 ** 3)
    await eventually(() => client.isClosed)
    expect(sent).toBeLessThan(64 * 1024 * 1024)
    await expectServed(world)
  })
})

describe('a client that lies in metadata', () => {
  it.each([
    ['its authority', { ':authority': 'spiffe://example.org/admin' }],
    ['the host', { host: 'admin.example.org' }],
    ['a proxy before it', { forwarded: 'for=10.0.0.1', 'x-forwarded-for': '10.0.0.1', 'x-forwarded-host': 'admin' }],
    ['a verified certificate', { 'x-forwarded-client-cert': 'URI=spiffe://example.org/admin' }],
    ['its process', { pid: '1', uid: '0', 'x-spiffe-id': 'spiffe://example.org/admin', authorization: 'Bearer x' }],
  ])('is still taken for the process that it is: %s', async (_, headers) => {
    const world = await startReadyWorld(withEntries(web))
    const client = (await RawClient.connect(world.config.socket)).read()
    client.socket.write(client.request(headers))
    await eventually(() => client.framesOf(FRAME.data).length > 0, 'an answer')
    expect(world.programs.peers.map(({ pid, uid }) => [pid, uid])).toEqual([[process.pid, process.geteuid?.()]])
  })

  it.each([
    ['twice', 'true, true'],
    ['of another value', 'TRUE'],
  ])('gets nothing for a security header %s', async (_, value) => {
    const world = await startReadyWorld(withEntries(web))
    const client = (await RawClient.connect(world.config.socket)).read()
    client.socket.write(client.request({ 'workload.spiffe.io': value }))
    await eventually(() => client.framesOf(FRAME.headers).length > 0, 'an answer')
    expect(client.framesOf(FRAME.data)).toEqual([])
    expect(world.programs.attestations).toBe(0)
  })
})

describe('slow handshakes', () => {
  it('are cut off, while others are served', async () => {
    const world = await startReadyWorld(withEntries(web))
    const slow = await Promise.all(
      Array.from({ length: 40 }, () => RawClient.connect(world.config.socket, { preface: false })),
    )
    for (const client of slow) client.read().socket.write('PRI *')
    await expectServed(world)
    await eventually(() => world.agent.connections() >= 41)
    await world.clock.advance(11)
    await eventually(() => slow.every(({ isClosed }) => isClosed), 'all are cut off')
    await expectServed(world)
  })
})

describe('an entry set that yields 8,000 identities for one program', () => {
  it('gives it the oldest so many, in a stable order, and tells the operator', async () => {
    const entries = Array.from({ length: 8000 }, (_, index) =>
      entry(`e${String(index).padStart(4, '0')}`, `/${index}`, { createdAt: 1_700_000_000 - index }),
    )
    const world = await startReadyWorld({ ...withEntries(...entries), limits: { identities: 50, credentials: 64 } })
    const client = world.client()
    const expected = Array.from({ length: 50 }, (_, index) => `spiffe://example.org/${7999 - index}`)
    for (let turn = 0; turn < 2; turn++) {
      const { svids } = await reader(client.fetchX509Svid()).next()
      expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(expected)
    }
    expect(world.server.count('POST /v1/agent/x509-svids')).toBe(50)
    const [record] = world.log.with('program has too many identities, those of the newest entries are left out')
    expect(record?.fields).toMatchObject({ identities: 8000, given: 50 })
    // The newest is left out of a list, and still there for who asks for it by name.
    const { svids } = await client.fetchJwtSvid({ audience: ['a'], spiffeId: 'spiffe://example.org/0' })
    expect(svids).toHaveLength(1)
  })
})

describe('a server that goes away in mid-stream', () => {
  it('takes nothing from programs, and is followed again when it is back', async () => {
    const world = await startReadyWorld(withEntries(web))
    const stream = reader(world.client().fetchX509Svid())
    await stream.next()
    await world.server.down()
    await eventually(
      () => world.log.with('connection to the server is lost, valid identities are still served').length > 0,
    )
    await expectServed(world)
    world.server.set({ entries: [web, entry('e2', '/two')] })
    await world.server.up()
    await world.clock.advance(2)
    expect((await stream.next()).svids).toHaveLength(2)
  })

  it('does not have half an event believed', async () => {
    const world = await startReadyWorld(withEntries(web))
    const stream = reader(world.client().fetchX509Svid())
    await stream.next()
    const next = stream.next()
    world.server.breakStreams('event: sync\ndata: {"revision": 9, "trustDomain": "example.org", "entries": []')
    await eventually(
      () => world.log.with('connection to the server is lost, valid identities are still served').length > 0,
    )
    world.server.set({ entries: [web, entry('e2', '/two')] })
    await world.clock.advance(2)
    expect((await next).svids).toHaveLength(2)
  })
})
