import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { connect as connectHttp2, constants } from 'node:http2'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { referToPid } from '@countersign/workload-api/broker'
import { status } from '@grpc/grpc-js'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  BROKER_ID,
  type BrokerWorld,
  brokerRule,
  connectBroker,
  entryOf,
  issueSvid,
  METHOD_PATHS,
  rawBroker,
  startBrokerWorld,
  startWorkload,
  type TestSvid,
  tlsPair,
  withHeader,
} from '../test-support/broker-world.ts'
import { eventually, reader } from '../test-support/running-agent.ts'
import { TestAuthority } from '../test-support/test-authority.ts'

const machineNow = () => Math.floor(Date.now() / 1000)
const refusals = (world: BrokerWorld) =>
  world.log.with('connection to the broker API is refused').map(({ fields }) => fields['reason'])

/** A TLS connection that believes anything, to see what the agent does with it. */
async function openTls(world: BrokerWorld, svid: TestSvid | undefined, alpn = ['h2']): Promise<TLSSocket> {
  const raw = createConnection(world.brokerSocket)
  const socket = connectTls({
    socket: raw,
    rejectUnauthorized: false,
    ALPNProtocols: alpn,
    ...(svid === undefined ? {} : tlsPair(svid)),
  })
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await new Promise<void>((resolve) => {
    for (const event of ['secureConnect', 'close']) socket.once(event, () => resolve())
  })
  return socket
}

describe('a client that proves nobody', () => {
  it('is refused without a certificate', async () => {
    const world = await startBrokerWorld()
    const { error } = await rawBroker(world, undefined).call(METHOD_PATHS[0] ?? '', withHeader)
    expect(error?.code).toBe(status.UNAVAILABLE)
    expect(refusals(world)).toContain('ERR_CERTIFICATE_CHAIN_LENGTH')
  })

  it.each<[string, (world: BrokerWorld) => Promise<TestSvid>, string]>([
    [
      "a broker's name under roots of somebody else",
      async () => issueSvid(await TestAuthority.create('example.org', machineNow, 'forged')),
      'ERR_CERTIFICATE_UNTRUSTED',
    ],
    [
      'a certificate of a trust domain that is not known',
      async () => issueSvid(await TestAuthority.create('other.example', machineNow), 'spiffe://other.example/proxy'),
      'ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN',
    ],
    [
      'a certificate that has expired',
      async ({ server }) => issueSvid(server.authority, BROKER_ID, -1),
      'ERR_CERTIFICATE_EXPIRED',
    ],
  ])('is refused with %s', async (_, makeSvid, code) => {
    const world = await startBrokerWorld()
    const socket = await openTls(world, await makeSvid(world))
    if (!socket.destroyed) await once(socket.resume(), 'close')
    await eventually(() => refusals(world).includes(code))
    expect(world.log.with('broker request answered')).toEqual([])
  })

  it("is refused when a federated trust domain's roots vouch for a broker of this one", async () => {
    // Roots of the partner's that claim to be of this domain, for what they then sign.
    const partner = await TestAuthority.create('example.org', machineNow, 'partner')
    const federated = [{ ...partner.bundle(), trustDomain: 'partner.example' }]
    const world = await startBrokerWorld({ prepare: (server) => server.set({ federated }) })
    const socket = await openTls(world, await issueSvid(partner, BROKER_ID))
    if (!socket.destroyed) await once(socket.resume(), 'close')
    await eventually(() => refusals(world).includes('ERR_CERTIFICATE_UNTRUSTED'))
  })

  it('is refused when it does not speak TLS, and hears nothing', async () => {
    const world = await startBrokerWorld()
    const plain = createConnection(world.brokerSocket)
    plain.on('error', () => {})
    let heard = 0
    plain.on('data', (bytes) => {
      heard += bytes.toString('latin1').includes('HTTP/2') ? 1 : 0
    })
    plain.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await once(plain, 'close')
    expect(heard).toBe(0)
    await eventually(() => refusals(world).length === 1)
  })

  it('is refused when it does not offer HTTP/2', async () => {
    const world = await startBrokerWorld()
    const socket = await openTls(world, await issueSvid(world.server.authority), [])
    if (!socket.destroyed) await once(socket.resume(), 'close')
    await eventually(() => refusals(world).includes('the client does not offer HTTP/2'))
  })

  it('cannot hold more handshakes open than there is room for', async () => {
    const world = await startBrokerWorld()
    const idle = Array.from({ length: 33 }, () => createConnection(world.brokerSocket))
    onTestFinished(() => {
      for (const socket of idle) socket.destroy()
    })
    for (const socket of idle) socket.on('error', () => {})
    await eventually(() => refusals(world).includes('too many TLS handshakes at once'))
  })

  it('is dropped when it takes too long', async () => {
    const world = await startBrokerWorld()
    const idle = createConnection(world.brokerSocket)
    const closed = once(idle, 'close')
    await once(idle, 'connect')
    await eventually(() => world.clock.pendingTimers > 0)
    let isClosed = false
    void closed.then(() => {
      isClosed = true
    })
    // The timer starts when the agent has accepted, which the client is not told.
    for (let round = 0; round < 100 && !isClosed; round++) await world.clock.advance(10)
    await closed
    await eventually(() => refusals(world).includes('the TLS handshake took too long'))
  })
})

describe('a workload that is no broker', () => {
  it('is told so by every method, whatever it asks', async () => {
    const world = await startBrokerWorld()
    const stranger = rawBroker(world, await issueSvid(world.server.authority, 'spiffe://example.org/mesh/proxy2'))
    for (const path of [...METHOD_PATHS, '/grpc.health.v1.Health/Check']) {
      const { error, reason } = await stranger.call(path, withHeader)
      expect([error?.code, error?.details, reason]).toEqual([status.PERMISSION_DENIED, 'not a broker', undefined])
    }
    expect(world.programs.attestations).toBe(0)
    expect(world.log.with('broker request refused')[0]?.fields).toMatchObject({
      broker: 'spiffe://example.org/mesh/proxy2',
      answer: 'PERMISSION_DENIED',
    })
  })

  it.each(['spiffe://partner.example/mesh/proxy', 'spiffe://partner.example/other'])(
    'is told so when it is of a federated trust domain: %s',
    async (id) => {
      const partner = await TestAuthority.create('partner.example', machineNow)
      const world = await startBrokerWorld({ prepare: (server) => server.set({ federated: [partner.bundle()] }) })
      const { error } = await rawBroker(world, await issueSvid(partner, id)).call(METHOD_PATHS[0] ?? '', withHeader)
      expect(error?.code).toBe(status.PERMISSION_DENIED)
    },
  )

  it('is dropped soon, and never takes the place of a broker', async () => {
    const workload = await startWorkload()
    const world = await startBrokerWorld({
      entries: [entryOf(workload.pid, 'e1', '/shop/web')],
      limits: { connections: 1, connectionsPerBroker: 1 },
    })
    const svid = await issueSvid(world.server.authority, 'spiffe://example.org/stranger')
    const strangers = await Promise.all(Array.from({ length: 6 }, () => openTls(world, svid)))
    await eventually(() => refusals(world).includes('too many connections at once'))
    await reader((await connectBroker(world)).subscribeToX509Svid(referToPid(workload.pid))).next()
    for (const socket of strangers) socket.resume()
    await world.clock.advance(10)
    await eventually(() => strangers.every(({ destroyed }) => destroyed))
  })
})

describe('a broker', () => {
  it.each<[string, Record<string, string | string[]>]>([
    ['missing', {}],
    ['that of the Workload API', { 'workload.spiffe.io': 'true' }],
    ['of another case', { 'broker.spiffe.io': 'True' }],
    ['repeated', { 'broker.spiffe.io': ['true', 'true'] }],
  ])('is refused with a security header that is %s, by every service', async (_, metadata) => {
    const world = await startBrokerWorld()
    const broker = rawBroker(world, await issueSvid(world.server.authority))
    for (const path of [...METHOD_PATHS, '/grpc.health.v1.Health/Check']) {
      const { error } = await broker.call(path, metadata)
      expect(error?.code).toBe(status.INVALID_ARGUMENT)
      expect(error?.details).toContain('security header missing')
    }
  })

  it('has health and reflection', async () => {
    const world = await startBrokerWorld()
    const broker = rawBroker(world, await issueSvid(world.server.authority))
    const { error, body } = await broker.call('/grpc.health.v1.Health/Check', withHeader)
    expect([error, body]).toEqual([null, Buffer.from([0x08, 0x01])])
  })

  it('is refused with more metadata than any client needs, and with a message larger than any request', async () => {
    const world = await startBrokerWorld()
    const svid = await issueSvid(world.server.authority)
    const large = { ...withHeader, filler: 'x'.repeat(40_000) }
    expect((await rawBroker(world, svid).call(METHOD_PATHS[0] ?? '', large)).error).not.toBeNull()
    expect(refusals(world)).toContain('ERR_HTTP2_INPUT_TOO_LARGE')
    const { error } = await rawBroker(world, svid).call(METHOD_PATHS[0] ?? '', withHeader, Buffer.alloc(100_000))
    expect(error?.code).toBe(status.RESOURCE_EXHAUSTED)
  })

  it('has no more connections than the operator allows', async () => {
    const world = await startBrokerWorld({ limits: { connectionsPerBroker: 2 } })
    const svid = await issueSvid(world.server.authority)
    const sockets: TLSSocket[] = []
    for (let count = 0; count < 3; count++) sockets.push((await openTls(world, svid)).resume())
    await eventually(() => refusals(world).includes('too many connections at once'))
    await eventually(() => sockets.filter(({ destroyed }) => destroyed).length === 1)
  })

  it('cannot name another connection in place of its own', async () => {
    const world = await startBrokerWorld({ rules: [{ ...brokerRule, id: 'spiffe://example.org/other' }] })
    const socket = await openTls(world, await issueSvid(world.server.authority))
    const session = connectHttp2('https://forged.example', { createConnection: () => socket })
    session.on('error', () => {})
    onTestFinished(() => session.destroy())
    const stream = session.request({
      ':method': 'POST',
      ':path': METHOD_PATHS[0],
      ':authority': 'spiffe://example.org/other',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...withHeader,
    })
    stream.end(Buffer.alloc(5))
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    expect(headers['grpc-status']).toBe(String(status.PERMISSION_DENIED))
    stream.close(constants.NGHTTP2_CANCEL)
  })
})

describe('an agent', () => {
  it('that has no identity yet lets nobody in', async () => {
    const world = await startBrokerWorld({ tokens: [], isReady: false })
    const socket = createConnection(world.brokerSocket)
    socket.on('error', () => {})
    await once(socket, 'close')
    expect(refusals(world)).toEqual(['the agent has no identity'])
  })

  it('that cannot listen where it is told to does not start', async () => {
    const taken = createServer()
    taken.listen(0, '127.0.0.1')
    await once(taken, 'listening')
    onTestFinished(() => void taken.close())
    const { port } = taken.address() as AddressInfo
    await expect(startBrokerWorld({ tcp: { host: '127.0.0.1', port } })).rejects.toMatchObject({
      code: 'ERR_AGENT_BROKER_ADDRESS',
    })
  })

  it('under another name than expected is told nothing by our client', async () => {
    const world = await startBrokerWorld()
    for (const serverId of ['spiffe://example.org/countersign/agent/two', 'spiffe://example.org/countersign/agent']) {
      const client = await connectBroker(world, { serverId })
      const asked = client.fetchJwtSvid({ reference: referToPid(1), audience: ['a'] })
      await expect(asked).rejects.toMatchObject({ code: 'ERR_BROKER_API_UNAVAILABLE' })
    }
    expect(world.log.with('broker request refused')).toEqual([])
  })

  it('leaves its socket to those the operator names, and takes it away at the end', async () => {
    const world = await startBrokerWorld()
    expect((await stat(world.brokerSocket)).mode & 0o777).toBe(0o660)
    await world.agent.stop()
    await expect(stat(world.brokerSocket)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
