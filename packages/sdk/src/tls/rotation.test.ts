/** Certificates and trust change under traffic, and nobody notices. */
import { connect as connectHttp2 } from 'node:http2'
import type { Agent } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callRaw, credentialOf } from '../test-support/raw-tls.ts'
import { get, type Party, type Served, TlsWorld } from '../test-support/tls-world.ts'

const REQUESTS = 24
let world: TlsWorld
let server: Party
let client: Party
let served: Served

beforeEach(async () => {
  world = new TlsWorld()
  server = world.party(world.shop.svid('/orders'))
  client = world.party(world.shop.svid('/storefront'))
  served = await world.serve(server)
})

afterEach(() => world[Symbol.asyncDispose]())

/** Requests of both kinds, some of them under way at any moment. */
function traffic(agent: Agent): {
  readonly during: (change: () => void) => Promise<void>
  readonly count: () => number
} {
  const peer = world.shop.id('/orders')
  let count = 0
  const send = async (index: number) => {
    const answer =
      index % 2 === 0
        ? await (await client.tls.fetch(served.addressUrl, { peer })).text()
        : await get(served.addressUrl, agent)
    expect(answer).toBe('spiffe://shop.example/storefront')
    count += 1
  }
  return {
    async during(change) {
      const before = Array.from({ length: REQUESTS }, (_, index) => send(index))
      // Some have their connection by then, others are about to open one.
      await before[0]
      change()
      const after = Array.from({ length: REQUESTS }, (_, index) => send(index))
      await Promise.all([...before, ...after])
    },
    count: () => count,
  }
}

describe('no request fails', () => {
  it('while leaves are renewed on both sides', async () => {
    const { during, count } = traffic(client.tls.httpsAgent(world.shop.id('/orders')))
    await during(() => {})
    await during(() => server.hold(world.shop.svid('/orders')))
    await during(() => client.hold(world.shop.svid('/storefront')))
    await during(() => {
      server.hold(world.shop.svid('/orders'))
      client.hold(world.shop.svid('/storefront'))
    })
    expect(count()).toBe(8 * REQUESTS)
    expect(served.refusals).toEqual([])
  })

  it('while the authority is exchanged: prepared, activated, retired', async () => {
    const { shop } = world
    const { during, count } = traffic(client.tls.httpsAgent(shop.id('/orders')))
    const [ordersBefore, storefrontBefore] = [shop.svid('/orders'), shop.svid('/storefront')]
    server.hold(ordersBefore)
    client.hold(storefrontBefore)
    await during(() => {})
    shop.prepareAuthority()
    const { bundle } = shop
    // The same certificates, with one root more to trust.
    await during(() => server.hold({ ...ordersBefore, bundle: bundle as Uint8Array<ArrayBuffer> }))
    await during(() => client.hold({ ...storefrontBefore, bundle: bundle as Uint8Array<ArrayBuffer> }))
    shop.activateAuthority()
    const [orders, storefront] = [shop.svid('/orders'), shop.svid('/storefront')]
    await during(() => server.hold(orders))
    await during(() => client.hold(storefront))
    shop.retireAuthorities()
    await during(() => server.hold({ ...orders, bundle: shop.bundle as Uint8Array<ArrayBuffer> }))
    await during(() => client.hold({ ...storefront, bundle: shop.bundle as Uint8Array<ArrayBuffer> }))
    expect(count()).toBe(14 * REQUESTS)
    expect(served.refusals).toEqual([])
    // And what the old authority issued is worth nothing now.
    expect((await callRaw(served.port, credentialOf(storefrontBefore))).text).toBe('')
    expect(served.refusals).toEqual(['ERR_CERTIFICATE_UNTRUSTED'])
  })
})

it('shows the new certificate to whoever connects from now on', async () => {
  const peer = world.shop.id('/orders')
  const shown = async () => {
    const socket = await client.tls.connect({ host: '127.0.0.1', port: served.port, peer })
    const leaf = socket.getPeerCertificate().raw
    socket.destroy()
    return leaf
  }
  const first = await shown()
  const renewed = world.shop.svid('/orders')
  server.hold(renewed)
  const second = await shown()
  expect(second).toEqual(Buffer.from(renewed.x509Svid))
  expect(second).not.toEqual(first)
})

describe('what is under way is finished', () => {
  let release: () => void
  let arrived: Promise<void>
  let url: string
  let open: Set<unknown>

  beforeEach(async () => {
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    let arrive = () => {}
    arrived = new Promise((resolve) => {
      arrive = resolve
    })
    const slow = server.tls.createHttpsServer({}, async (incoming, response) => {
      response.write(`${world.whoSent(incoming)} `)
      arrive()
      await released
      response.end('done')
    })
    const { addressUrl, connections } = await world.listen(slow)
    url = addressUrl
    open = connections
  })

  it.each(['fetch', 'agent', 'close'] as const)('over %s', async (way) => {
    const peer = world.shop.id('/orders')
    const answering =
      way === 'agent'
        ? get(url, client.tls.httpsAgent(peer))
        : client.tls.fetch(url, { peer }).then((response) => response.text())
    await arrived
    expect(open.size).toBe(1)
    server.hold(world.shop.svid('/orders'))
    client.hold(world.shop.svid('/storefront'))
    const closing = way === 'close' ? client.tls.close() : undefined
    release()
    expect(await answering).toBe('spiffe://shop.example/storefront done')
    await closing
  })
})

it('an HTTP/2 session outlives a rotation, with each stream judged anew', async () => {
  const { shop, bank } = world
  server.hold(shop.svid('/orders'), [bank])
  const ledger = world.party(bank.svid('/ledger'), [shop])
  const { port, addressUrl } = await world.serveHttp2(server)
  const peer = shop.id('/orders')
  const socket = await ledger.tls.connect({ host: '127.0.0.1', port, peer, alpnProtocols: ['h2'] })
  const session = connectHttp2(addressUrl, { createConnection: () => socket })
  const ask = async () => {
    let text = ''
    for await (const chunk of session.request({ ':path': '/' }).setEncoding('utf8')) text += chunk
    return text
  }
  expect(await ask()).toBe('spiffe://bank.example/ledger')
  server.hold(shop.svid('/orders'), [bank])
  expect(await ask()).toBe('spiffe://bank.example/ledger')
  server.hold(shop.svid('/orders'))
  expect(await ask()).toBe('ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN')
  session.destroy()
})

it('a server that is closed listens to its source no more', async () => {
  const another = server.tls.createHttpsServer({})
  await new Promise<void>((resolve) => another.listen(0, '127.0.0.1', resolve))
  expect((another.address() as AddressInfo).port).toBeGreaterThan(0)
  let swaps = 0
  another.setSecureContext = () => {
    swaps += 1
  }
  server.hold(world.shop.svid('/orders'))
  expect(swaps).toBe(1)
  await new Promise((resolve) => another.close(resolve))
  server.hold(world.shop.svid('/orders'))
  expect(swaps).toBe(1)
})
