/** Both sides of `MutualTls` with each other, over real TLS. */
import { connect as connectHttp2 } from 'node:http2'
import { expectCode } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { get, type Party, TlsWorld } from '../test-support/tls-world.ts'

const ORDERS = { dnsNames: ['localhost'] }
let world: TlsWorld
let server: Party
let client: Party

beforeEach(() => {
  world = new TlsWorld()
  server = world.party(world.shop.svid('/orders', ORDERS))
  client = world.party(world.shop.svid('/storefront'))
})

afterEach(() => world[Symbol.asyncDispose]())

describe('who calls is known', () => {
  it('by fetch', async () => {
    const { addressUrl } = await world.serve(server)
    const response = await client.tls.fetch(addressUrl, { peer: world.shop.id('/orders') })
    expect(await response.text()).toBe('spiffe://shop.example/storefront')
  })

  it('by an agent for node:https', async () => {
    const { addressUrl } = await world.serve(server)
    const agent = client.tls.httpsAgent(world.shop.id('/orders'))
    expect(await get(addressUrl, agent)).toBe('spiffe://shop.example/storefront')
  })

  it('over HTTP/2, and over HTTP/1.1 beside it', async () => {
    const { addressUrl, port } = await world.serveHttp2(server, { allowHTTP1: true })
    const peer = world.shop.id('/orders')
    const socket = await client.tls.connect({ host: '127.0.0.1', port, peer, alpnProtocols: ['h2'] })
    const session = connectHttp2(addressUrl, { createConnection: () => socket })
    try {
      const stream = session.request({ ':path': '/' }).setEncoding('utf8')
      let text = ''
      for await (const chunk of stream) text += chunk
      expect(text).toBe('spiffe://shop.example/storefront')
    } finally {
      session.destroy()
    }
    expect(await (await client.tls.fetch(addressUrl, { peer })).text()).toBe('spiffe://shop.example/storefront')
  })

  it('across trust domains that are federated', async () => {
    const { shop, bank } = world
    server.hold(shop.svid('/orders', ORDERS), [bank])
    client.hold(bank.svid('/ledger'), [shop])
    const { addressUrl } = await world.serve(server)
    const response = await client.tls.fetch(addressUrl, { peer: shop.id('/orders') })
    expect(await response.text()).toBe('spiffe://bank.example/ledger')
  })

  it('whatever kind of key proves it', async () => {
    for (const alg of ['ES384', 'RS256', 'EdDSA'] as const) {
      server.hold(world.shop.svid('/orders', { ...ORDERS, alg }))
      client.hold(world.shop.svid('/storefront', { alg }))
      const { addressUrl } = await world.serve(server)
      const response = await client.tls.fetch(addressUrl, { peer: world.shop.id('/orders') })
      expect(await response.text()).toBe('spiffe://shop.example/storefront')
    }
  })

  it('through authorities between root and leaf, sent by each side', async () => {
    server.hold(await world.shop.svidBelow('/orders', ORDERS))
    client.hold(await world.shop.svidBelow('/storefront'))
    const { url, addressUrl } = await world.serve(server)
    for (const response of [
      await client.tls.fetch(url),
      await client.tls.fetch(addressUrl, { peer: world.shop.id('/orders') }),
    ]) {
      expect(await response.text()).toBe('spiffe://shop.example/storefront')
    }
  })

  it('and never from a header field', async () => {
    const { addressUrl } = await world.serve(server)
    const response = await client.tls.fetch(addressUrl, {
      peer: world.shop.id('/orders'),
      headers: { 'x-forwarded-client-cert': 'URI=spiffe://shop.example/admin' },
    })
    expect(await response.text()).toBe('spiffe://shop.example/storefront')
  })
})

describe('whom to reach', () => {
  it('is by DNS name whom the certificate names, when nothing else is known', async () => {
    const { url } = await world.serve(server)
    expect(await (await client.tls.fetch(url)).text()).toBe('spiffe://shop.example/storefront')
    expect(await get(url, client.tls.httpsAgent())).toBe('spiffe://shop.example/storefront')
  })

  it('is by configuration', async () => {
    const { addressUrl, port } = await world.serve(server)
    const peers = { [`127.0.0.1:${port}`]: world.shop.id('/orders') }
    const configured = world.party(world.shop.svid('/storefront'), [], { peers })
    expect(await (await configured.tls.fetch(addressUrl)).text()).toBe('spiffe://shop.example/storefront')
    expect(await get(addressUrl, configured.tls.httpsAgent())).toBe('spiffe://shop.example/storefront')
  })

  it('is by callback', async () => {
    const { addressUrl } = await world.serve(server)
    const configured = world.party(world.shop.svid('/storefront'), [], { peers: () => world.shop.id('/orders') })
    expect(await (await configured.tls.fetch(addressUrl)).text()).toBe('spiffe://shop.example/storefront')
  })

  it('is nobody by an address that nothing is known of', async () => {
    const { addressUrl, connections } = await world.serve(server)
    await expectCode(client.tls.fetch(addressUrl), 'ERR_TLS_NO_EXPECTATION')
    await expectCode(get(addressUrl, client.tls.httpsAgent()), 'ERR_TLS_NO_EXPECTATION')
    expect(connections.size).toBe(0)
  })
})

describe('fetch', () => {
  it('speaks https only', () => expectCode(client.tls.fetch('http://localhost/'), 'ERR_SDK_REQUEST'))

  it('follows no redirects', async () => {
    const redirecting = server.tls.createHttpsServer({}, (_, response) => {
      response.writeHead(302, { location: 'https://elsewhere.example/' }).end()
    })
    const { url } = await world.listen(redirecting)
    await expectCode(client.tls.fetch(url, { redirect: 'follow' }), 'ERR_SDK_REQUEST')
    expect((await client.tls.fetch(url)).status).toBe(302)
    await expect(client.tls.fetch(url, { redirect: 'error' })).rejects.toThrow(TypeError)
    expect((await client.tls.fetch(new Request(url))).status).toBe(302)
  })

  it('sends what the global fetch takes', async () => {
    const echoing = server.tls.createHttpsServer({}, async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const { 'content-type': type = '', 'x-a': a } = request.headers
      response.end(JSON.stringify([request.method, type.split(';')[0], a, Buffer.concat(chunks).toString()]))
    })
    const { url } = await world.listen(echoing)
    const send = async (input: string | URL | Request, init?: RequestInit) =>
      (await client.tls.fetch(input, init)).json()
    const headers = new Headers({ 'x-a': '1' })
    expect(await send(url, { method: 'PUT', body: 'hello', headers })).toEqual(['PUT', 'text/plain', '1', 'hello'])
    const request = new Request(url, { method: 'POST', body: 'world', headers })
    expect(await send(request)).toEqual(['POST', 'text/plain', '1', 'world'])
    expect(await send(new URL(url), { method: 'POST', body: new URLSearchParams({ a: '1' }) })).toEqual([
      'POST',
      'application/x-www-form-urlencoded',
      null,
      'a=1',
    ])
    const form = new FormData()
    form.set('name', 'value')
    const [method, type, , text] = (await send(url, { method: 'POST', body: form })) as string[]
    expect([method, type]).toEqual(['POST', 'multipart/form-data'])
    expect(text).toContain('name="name"')
  })

  it('ends when its signal says so', async () => {
    const silent = server.tls.createHttpsServer({}, () => {})
    const { url } = await world.listen(silent)
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(client.tls.fetch(url, { signal })).rejects.toThrow('enough')
  })
})

describe('after close', () => {
  it('there are no new connections', async () => {
    const { url, refusals } = await world.serve(server)
    const agent = client.tls.httpsAgent()
    await client.tls.close()
    await expectCode(client.tls.fetch(url), 'ERR_SDK_CLOSED')
    await expectCode(client.tls.connect({ host: 'localhost', port: 1 }), 'ERR_SDK_CLOSED')
    await expectCode(() => client.tls.httpsAgent(), 'ERR_SDK_CLOSED')
    await expectCode(() => client.tls.createHttpsServer({}), 'ERR_SDK_CLOSED')
    await expect(get(url, agent)).rejects.toThrow()
    const other = world.party(world.shop.svid('/storefront'))
    await server.tls.close()
    await expect(other.tls.fetch(url)).rejects.toThrow()
    expect(refusals).toEqual(['ERR_TLS_HANDSHAKE'])
  })
})
