import { X509Certificate } from 'node:crypto'
import { decodeUnverifiedJws, decodeUtf8 } from '@countersign/protocol'
import { referToPid } from '@countersign/workload-api/broker'
import { describe, expect, it } from 'vitest'
import {
  BROKER_ID,
  brokerRule,
  connectBroker,
  entryOf,
  issueSvid,
  startBrokerWorld,
  startWorkload,
} from '../test-support/broker-world.ts'
import { reader } from '../test-support/running-agent.ts'
import { TestAuthority } from '../test-support/test-authority.ts'

async function startShop() {
  const workload = await startWorkload()
  const web = entryOf(workload.pid, 'e1', '/shop/web', { hint: 'outside', federatesWith: ['partner.example'] })
  const admin = entryOf(workload.pid, 'e2', '/admin')
  const world = await startBrokerWorld({
    entries: [web, admin],
    prepare: async (server) => {
      server.set({ federated: [(await TestAuthority.create('partner.example', () => server.clock.now())).bundle()] })
    },
  })
  return { world, workload, web, admin, reference: referToPid(workload.pid) }
}

describe('the Broker API', () => {
  it("streams the workload's X509-SVIDs, and no others than the broker may have", async () => {
    const { world, reference, workload } = await startShop()
    const client = await connectBroker(world)
    const { svids, federatedBundles } = await reader(client.subscribeToX509Svid(reference)).next()
    expect(svids.map(({ spiffeId, hint }) => [spiffeId, hint])).toEqual([['spiffe://example.org/shop/web', 'outside']])
    expect(new X509Certificate(svids[0]?.x509Svid ?? '').subjectAltName).toContain('spiffe://example.org/shop/web')
    expect(Buffer.from(svids[0]?.bundle ?? '')).toEqual(Buffer.from(world.server.authority.certificate))
    expect(Object.keys(federatedBundles)).toEqual(['spiffe://partner.example'])
    expect(world.log.with('broker request answered').map(({ fields }) => fields)).toEqual([
      {
        component: 'broker',
        broker: BROKER_ID,
        remote: 'unix',
        method: '/spiffe.broker.API/SubscribeToX509SVID',
        pid: workload.pid,
        answer: 'OK',
        spiffeIds: ['spiffe://example.org/shop/web'],
        withheld: ['spiffe://example.org/admin'],
      },
    ])
  })

  it('streams the bundles the workload trusts', async () => {
    const { world, reference } = await startShop()
    const client = await connectBroker(world)
    const x509 = await reader(client.subscribeToX509Bundles(reference)).next()
    expect(Object.keys(x509.bundles)).toEqual(['spiffe://example.org', 'spiffe://partner.example'])
    const jwt = await reader(client.subscribeToJwtBundles(reference)).next()
    expect(Object.keys(jwt.bundles)).toEqual(['spiffe://example.org', 'spiffe://partner.example'])
    const { keys } = JSON.parse(decodeUtf8(jwt.bundles['spiffe://example.org'] ?? new Uint8Array()))
    expect(keys.map(({ kid }: { kid: string }) => kid)).toEqual(['jwt-1'])
  })

  it('gives JWT-SVIDs for the audience, and no others than the broker may have', async () => {
    const { world, reference } = await startShop()
    const client = await connectBroker(world)
    for (const spiffeId of [undefined, 'spiffe://example.org/shop/web']) {
      const request = { reference, audience: ['orders'], ...(spiffeId === undefined ? {} : { spiffeId }) }
      const { svids } = await client.fetchJwtSvid(request)
      expect(svids.map((svid) => [svid.spiffeId, svid.hint])).toEqual([['spiffe://example.org/shop/web', 'outside']])
      expect(decodeUnverifiedJws(svids[0]?.svid ?? '').payload).toMatchObject({
        sub: 'spiffe://example.org/shop/web',
        aud: ['orders'],
      })
    }
    await expect(
      client.fetchJwtSvid({ reference, audience: ['orders'], spiffeId: 'spiffe://example.org/admin' }),
    ).rejects.toMatchObject({ code: 'ERR_BROKER_API_NOT_ENTITLED' })
    await expect(client.fetchJwtSvid({ reference, audience: [] })).rejects.toMatchObject({
      code: 'ERR_BROKER_API_INVALID_ARGUMENT',
    })
  })

  it('sends the whole state after each change, and nothing when nothing changed for this workload', async () => {
    const { world, reference, workload, web, admin } = await startShop()
    const stream = reader((await connectBroker(world)).subscribeToX509Svid(reference))
    await stream.next()
    const other = entryOf(1, 'e9', '/shop/other')
    world.server.change(() => world.server.set({ entries: [web, admin, other] }))
    const api = entryOf(workload.pid, 'e3', '/shop/api')
    world.server.change(() => world.server.set({ entries: [web, admin, other, api] }))
    const ids = (await stream.next()).svids.map(({ spiffeId }) => spiffeId)
    expect(ids).toEqual(['spiffe://example.org/shop/web', 'spiffe://example.org/shop/api'])
    expect(world.log.with('broker request answered')).toHaveLength(2)
  })

  it('serves over TCP too', async () => {
    const workload = await startWorkload()
    const world = await startBrokerWorld({ tcp: true, entries: [entryOf(workload.pid, 'e1', '/shop/web')] })
    const client = await connectBroker(world, { address: `tcp://127.0.0.1:${world.agent.brokerPort}` })
    expect((await reader(client.subscribeToX509Svid(referToPid(workload.pid))).next()).svids).toHaveLength(1)
    expect(world.log.with('broker request answered')[0]?.fields).toMatchObject({ remote: '127.0.0.1' })
  })

  it('serves a broker of a federated trust domain that the operator names', async () => {
    const workload = await startWorkload()
    const partner = await TestAuthority.create('partner.example', () => Math.floor(Date.now() / 1000))
    const id = 'spiffe://partner.example/mesh/proxy'
    const world = await startBrokerWorld({
      rules: [{ ...brokerRule, id }],
      entries: [entryOf(workload.pid, 'e1', '/shop/web')],
      prepare: (server) => server.set({ federated: [partner.bundle()] }),
    })
    const client = await connectBroker(world, { svid: await issueSvid(partner, id) })
    expect((await reader(client.subscribeToX509Svid(referToPid(workload.pid))).next()).svids).toHaveLength(1)
    expect(world.log.with('broker request answered')[0]?.fields).toMatchObject({ broker: id })
  })
})
