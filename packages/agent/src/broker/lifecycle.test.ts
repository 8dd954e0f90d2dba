import { once } from 'node:events'
import { createConnection } from 'node:net'
import { connect } from 'node:tls'
import { parseCertificate } from '@countersign/protocol'
import { referToPid } from '@countersign/workload-api/broker'
import { describe, expect, it } from 'vitest'
import {
  BROKER_ID,
  type BrokerWorld,
  connectBroker,
  end,
  entryOf,
  issueSvid,
  startBrokerWorld,
  startWorkload,
  type TestSvid,
  tlsPair,
} from '../test-support/broker-world.ts'
import { eventually, reader } from '../test-support/running-agent.ts'
import { TestAuthority } from '../test-support/test-authority.ts'

const notEntitled = { code: 'ERR_BROKER_API_NOT_ENTITLED' }
const notFound = { code: 'ERR_BROKER_API_NOT_FOUND' }

async function startStreaming(options: Parameters<typeof startBrokerWorld>[0] = {}) {
  const workload = await startWorkload()
  const entries = [entryOf(workload.pid, 'e1', '/shop/web')]
  const world = await startBrokerWorld({ entries, ...options })
  const client = await connectBroker(world)
  const reference = referToPid(workload.pid)
  const stream = reader(client.subscribeToX509Svid(reference))
  const first = await stream.next()
  return { world, workload, entries, client, reference, stream, first }
}

/** Moves time on until the promise has settled: what it waits for is told over sockets. */
async function whileTimePasses<T>(world: BrokerWorld, promise: Promise<T>, seconds = 1): Promise<T> {
  let isSettled = false
  const settled = promise.finally(() => {
    isSettled = true
  })
  settled.catch(() => {})
  for (let round = 0; round < 2000 && !isSettled; round++) await world.clock.advance(seconds)
  return settled
}

/** Serial number of the certificate that the agent shows at the moment. */
async function shownCertificate(world: BrokerWorld, svid: TestSvid): Promise<string> {
  const socket = connect({
    socket: createConnection(world.brokerSocket),
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
    ...tlsPair(svid),
  })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

describe('a stream ends', () => {
  it('when the process ends, with the streams of no other', async () => {
    const other = await startWorkload()
    const { world, workload, client, reference, stream } = await startStreaming()
    world.server.change(() =>
      world.server.set({ entries: [...world.server.entries, entryOf(other.pid, 'e2', '/shop/other')] }),
    )
    const otherStream = reader(client.subscribeToX509Bundles(referToPid(other.pid)))
    await otherStream.next()
    const bundles = reader(client.subscribeToJwtBundles(reference))
    await bundles.next()
    await end(workload)
    await world.clock.advance(2)
    await expect(stream.next()).rejects.toMatchObject(notFound)
    await expect(bundles.next()).rejects.toMatchObject(notFound)
    const partner = await TestAuthority.create('partner.example', () => world.clock.now())
    const entries = [entryOf(other.pid, 'e2', '/shop/other', { federatesWith: ['partner.example'] })]
    world.server.change(() => world.server.set({ entries, federated: [partner.bundle()] }))
    expect(Object.keys((await otherStream.next()).bundles)).toContain('spiffe://partner.example')
  })

  it('when the workload loses its identity', async () => {
    const { world, stream } = await startStreaming()
    world.server.change(() => world.server.set({ entries: [] }))
    await expect(stream.next()).rejects.toMatchObject(notEntitled)
    expect(world.log.with('broker request refused')[0]?.fields).toMatchObject({
      broker: BROKER_ID,
      answer: 'PERMISSION_DENIED',
      reason: 'WORKLOAD_NOT_ENTITLED',
    })
  })

  it('when the workload keeps only identities that the broker may not have', async () => {
    const { world, workload, stream } = await startStreaming()
    world.server.change(() => world.server.set({ entries: [entryOf(workload.pid, 'e2', '/admin')] }))
    await expect(stream.next()).rejects.toMatchObject(notEntitled)
  })

  it('when the agent is banned, and so does everything else', async () => {
    const { world, client, reference, stream } = await startStreaming()
    world.server.set({ banned: true })
    world.server.endStreams()
    await expect(whileTimePasses(world, stream.next())).rejects.toMatchObject(notEntitled)
    await expect(client.fetchJwtSvid({ reference, audience: ['a'] })).rejects.toMatchObject(notEntitled)
  })

  it('when the process turns into another program, which nobody tells', async () => {
    const { world, stream } = await startStreaming()
    world.programs.selectors = [{ type: 'test', value: 'other' }]
    const since = world.clock.now()
    await expect(whileTimePasses(world, stream.next())).rejects.toMatchObject(notEntitled)
    // Long before its certificate would be renewed, which would tell too.
    expect(world.clock.now() - since).toBeLessThan(900)
  })
})

describe('a connection', () => {
  it('outlasts the renewal of the agent, which then shows its new certificate', async () => {
    const workload = await startWorkload()
    const entries = [entryOf(workload.pid, 'e1', '/shop/web')]
    const world = await startBrokerWorld({ entries, prepare: (server) => server.set({ agentTtl: 7200 }) })
    const svid = await issueSvid(world.server.authority, BROKER_ID, 86_400)
    const stream = reader((await connectBroker(world, { svid })).subscribeToX509Bundles(referToPid(workload.pid)))
    await stream.next()
    const before = await shownCertificate(world, svid)
    const renewed = eventually(() => world.log.with('agent identity renewed').length > 0)
    await whileTimePasses(world, renewed, 10)
    expect(await shownCertificate(world, svid)).not.toBe(before)
    const partner = await TestAuthority.create('partner.example', () => world.clock.now())
    const federated = [partner.bundle()]
    const federating = entries.map((each) => ({ ...each, federatesWith: ['partner.example'] }))
    world.server.change(() => world.server.set({ entries: federating, federated }))
    expect(Object.keys((await stream.next()).bundles)).toContain('spiffe://partner.example')
    expect(world.log.with('connection to the broker API is dropped')).toEqual([])
  })

  it('lasts no longer than the certificate it was opened with', async () => {
    const workload = await startWorkload()
    // Nothing else happens for so long that would have the certificates looked at.
    const prepare = (server: BrokerWorld['server']) => server.set({ agentTtl: 5 * 86_400 })
    const world = await startBrokerWorld({ entries: [entryOf(workload.pid, 'e1', '/shop/web')], prepare })
    const client = await connectBroker(world, { svid: await issueSvid(world.server.authority, BROKER_ID, 900) })
    const stream = reader(client.subscribeToX509Bundles(referToPid(workload.pid)))
    await stream.next()
    const lost = whileTimePasses(world, stream.next(), 30)
    await expect(lost).rejects.toMatchObject({ code: expect.stringMatching(/UNAVAILABLE|DISCONNECTED|FAILED/) })
    expect(world.log.with('connection to the broker API is dropped')[0]?.fields).toMatchObject({
      id: BROKER_ID,
      reason: 'ERR_CERTIFICATE_EXPIRED',
    })
    // Not let in again with it either.
    await expect(client.fetchJwtSvid({ reference: referToPid(workload.pid), audience: ['a'] })).rejects.toMatchObject({
      code: 'ERR_BROKER_API_UNAVAILABLE',
    })
  })

  it('ends when its certificate is revoked, and another one of the same broker is still good', async () => {
    const workload = await startWorkload()
    const world = await startBrokerWorld({ entries: [entryOf(workload.pid, 'e1', '/shop/web')] })
    const [revoked, good] = [await issueSvid(world.server.authority), await issueSvid(world.server.authority)]
    const stream = reader((await connectBroker(world, { svid: revoked })).subscribeToX509Svid(referToPid(workload.pid)))
    await stream.next()
    const other = await connectBroker(world, { svid: good })
    const serial = parseCertificate(revoked.certificate).serial
    world.server.change(() => {
      world.server.crls = [world.server.authority.crl(1, serial)]
    })
    await expect(stream.next()).rejects.toMatchObject({
      code: expect.stringMatching(/UNAVAILABLE|DISCONNECTED|FAILED|UNAUTHENTICATED/),
    })
    await eventually(() => world.log.with('connection to the broker API is dropped').length === 1)
    expect(world.log.with('connection to the broker API is dropped')[0]?.fields).toMatchObject({
      reason: 'ERR_CERTIFICATE_REVOKED',
    })
    // Not let in again with it either; the other one is.
    const again = (await connectBroker(world, { svid: revoked })).fetchJwtSvid({
      reference: referToPid(workload.pid),
      audience: ['a'],
    })
    await expect(again).rejects.toMatchObject({ code: 'ERR_BROKER_API_UNAVAILABLE' })
    const { svids } = await other.fetchJwtSvid({ reference: referToPid(workload.pid), audience: ['a'] })
    expect(svids).toHaveLength(1)
  })

  it('ends when the roots that its certificate leads to are withdrawn', async () => {
    const partner = await TestAuthority.create('partner.example', () => Math.floor(Date.now() / 1000))
    const later = await TestAuthority.create('partner.example', () => Math.floor(Date.now() / 1000), '2')
    const id = 'spiffe://partner.example/mesh/proxy'
    const workload = await startWorkload()
    const world = await startBrokerWorld({
      rules: [{ id, references: ['pid'], identities: [{ root: 'spiffe://example.org/shop', match: 'descendants' }] }],
      entries: [entryOf(workload.pid, 'e1', '/shop/web')],
      prepare: (server) => server.set({ federated: [partner.bundle()] }),
    })
    const client = await connectBroker(world, { svid: await issueSvid(partner, id) })
    const stream = reader(client.subscribeToX509Svid(referToPid(workload.pid)))
    await stream.next()
    world.server.change(() => world.server.set({ federated: [partner.bundle()] }))
    const { svids } = await client.fetchJwtSvid({ reference: referToPid(workload.pid), audience: ['a'] })
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://example.org/shop/web'])
    world.server.change(() => world.server.set({ federated: [later.bundle()] }))
    await expect(stream.next()).rejects.toMatchObject({
      code: expect.stringMatching(/UNAVAILABLE|DISCONNECTED|FAILED|UNAUTHENTICATED/),
    })
    await eventually(() => world.log.with('connection to the broker API is dropped').length === 1)
  })
})

describe('limits', () => {
  it('keep a broker from more calls at once than the operator allows, over all its connections', async () => {
    const { world, reference, stream } = await startStreaming({ limits: { callsPerBroker: 1 } })
    const second = await connectBroker(world)
    const ask = () => second.fetchJwtSvid({ reference, audience: ['a'] })
    await expect(ask()).rejects.toMatchObject({
      code: 'ERR_BROKER_API_UNAVAILABLE',
      detail: 'too many calls of this broker at once',
    })
    stream.stop()
    await expect
      .poll(() =>
        ask().then(
          ({ svids }) => svids.length,
          () => 0,
        ),
      )
      .toBe(1)
  })
})
