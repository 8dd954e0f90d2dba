/** To whom a client of `MutualTls` says nothing. */
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { expectCode, settle } from '@countersign/testing'
import type { X509SVID } from '@countersign/workload-api'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../test-support/host.ts'
import { foreignServer } from '../test-support/raw-tls.ts'
import { get, type Party, TlsWorld } from '../test-support/tls-world.ts'
import { X509Domain } from '../test-support/x509-domain.ts'
import type { Peer } from './expected-peer.ts'

const ORDERS = 'spiffe://shop.example/orders'
let world: TlsWorld
let client: Party
let requests: number

beforeEach(() => {
  world = new TlsWorld()
  client = world.party(world.shop.svid('/storefront'), [world.bank])
  requests = 0
})

afterEach(() => world[Symbol.asyncDispose]())

const serve = (svid: X509SVID) => world.listen(foreignServer(svid, () => requests++))

describe.each<[string, (url: string, peer?: Peer) => Promise<unknown>]>([
  ['fetch', (url, peer) => client.tls.fetch(url, peer === undefined ? {} : { peer })],
  ['an agent', (url, peer) => get(url, client.tls.httpsAgent(peer))],
])('by %s', (_name, call) => {
  it.each<[string, string, () => X509SVID | Promise<X509SVID>]>([
    ['another workload', 'ERR_CERTIFICATE_UNEXPECTED_PEER', () => world.shop.svid('/admin')],
    ['the same path in another domain', 'ERR_CERTIFICATE_UNEXPECTED_PEER', () => world.bank.svid('/orders')],
    [
      'an unknown domain',
      'ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN',
      () => {
        return new X509Domain('other.example', world.clock.now()).svid('/orders')
      },
    ],
    [
      'the identifier, signed by a federated domain',
      'ERR_CERTIFICATE_UNTRUSTED',
      () => world.bank.oddSvid({ uris: [ORDERS] }),
    ],
    [
      'two identifiers',
      'ERR_CERTIFICATE_URI_COUNT',
      () => {
        return world.shop.oddSvid({ uris: [ORDERS, 'spiffe://shop.example/admin'] })
      },
    ],
    ['no identifier', 'ERR_CERTIFICATE_URI_COUNT', () => world.shop.oddSvid({ uris: [], dnsNames: ['localhost'] })],
    ['an authority', 'ERR_CERTIFICATE_LEAF_IS_CA', () => world.shop.oddSvid({ uris: [ORDERS], isCa: true })],
    [
      'a certificate for clients only',
      'ERR_CERTIFICATE_EXTENDED_KEY_USAGE',
      () => {
        return world.shop.oddSvid({ uris: [ORDERS], extKeyUsage: ['clientAuth'] })
      },
    ],
    [
      'an expired one',
      'ERR_CERTIFICATE_EXPIRED',
      () => world.shop.svid('/orders', { notAfter: world.clock.now() - 1 }),
    ],
  ])('refuses %s', async (_, code, make) => {
    const { addressUrl, url } = await serve(await make())
    await expectCode(call(addressUrl, world.shop.id('/orders')), code)
    await expectCode(call(url, { expected: world.shop.id('/orders'), hostname: true }), code)
    expect(requests).toBe(0)
  })

  it('refuses a certificate for another DNS name', async () => {
    const { url } = await serve(world.shop.svid('/orders', { dnsNames: ['orders.example'] }))
    await expectCode(call(url), 'ERR_TLS_HOST_NAME')
    await expectCode(call(url, { expected: world.shop.id('/orders'), hostname: true }), 'ERR_TLS_HOST_NAME')
    expect(requests).toBe(0)
    await call(url, world.shop.id('/orders'))
    expect(requests).toBe(1)
  })

  it('takes a trust domain for no host name', async () => {
    const domain = new X509Domain('localhost', world.clock.now())
    client.hold(world.shop.svid('/storefront'), [domain])
    const { url } = await serve(domain.svid('/orders'))
    await expectCode(call(url), 'ERR_TLS_HOST_NAME')
  })

  it('refuses what OpenSSL refuses, by the clock of the machine', async () => {
    const later = { notBefore: world.clock.now() + 1000, notAfter: world.clock.now() + 3000 }
    const { addressUrl } = await serve(world.shop.svid('/orders', later))
    world.clock.jump(2000)
    await expectCode(call(addressUrl, world.shop.id('/orders')), 'ERR_TLS_OPENSSL_REFUSED')
    expect(requests).toBe(0)
    // Where nobody can tell whose roots would count, OpenSSL is not asked.
    await call(addressUrl, (id) => id.equals(world.shop.id('/orders')))
    expect(requests).toBe(1)
  })

  it('refuses to call without an identity', async () => {
    const { addressUrl, connections } = await serve(world.shop.svid('/orders'))
    client.source.clear()
    await expectCode(call(addressUrl, world.shop.id('/orders')), 'ERR_SDK_IDENTITY_WITHDRAWN')
    client.hold(world.shop.svid('/storefront'))
    world.clock.jump(3600)
    await expectCode(call(addressUrl, world.shop.id('/orders')), 'ERR_SDK_IDENTITY_EXPIRED')
    expect(connections.size).toBe(0)
  })

  it('gives up on who does not speak TLS, or nothing at all', async () => {
    let isSilent = false
    let accepted = 0
    const server = createTcpServer((socket) => {
      accepted += 1
      socket.on('error', () => {})
      if (!isSilent) socket.end('HTTP/1.1 200 OK\r\n\r\n')
      world.onEnd(() => socket.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    world.onEnd(() => server.close())
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
    await expectCode(call(url, world.shop.id('/orders')), 'ERR_TLS_HANDSHAKE')
    isSilent = true
    const waiting = expectCode(call(url, world.shop.id('/orders')), 'ERR_TLS_TIMEOUT')
    await eventually(() => expect(accepted).toBe(2))
    await world.clock.advance(10)
    await waiting
  })

  describe('a connection that is open already', () => {
    const orders = () => world.shop.id('/orders')

    it('is used again', async () => {
      const agent = client.tls.httpsAgent(orders())
      const { addressUrl, connections } = await serve(world.shop.svid('/orders'))
      for (const _ of [1, 2, 3]) {
        await repeat(agent, addressUrl, orders())
        // The connection is free a little after the last byte of the answer.
        await settle()
      }
      expect(connections.size).toBe(1)
    })

    /** The same agent each time, as a program would. */
    const repeat = (agent: ReturnType<Party['tls']['httpsAgent']>, url: string, peer: Peer) =>
      _name === 'fetch' ? client.tls.fetch(url, { peer }).then((response) => response.text()) : get(url, agent)

    it.each<[string, string, () => void]>([
      ['its certificate has ended', 'ERR_CERTIFICATE_EXPIRED', () => world.clock.jump(61)],
      [
        'its domain is trusted no more',
        'ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN',
        () => {
          client.hold(world.bank.svid('/storefront'))
        },
      ],
      [
        'its domain has other roots',
        'ERR_CERTIFICATE_UNTRUSTED',
        () => {
          world.shop.prepareAuthority()
          world.shop.activateAuthority()
          world.shop.retireAuthorities()
          client.hold(world.shop.svid('/storefront'))
        },
      ],
      ['this program has no identity any more', 'ERR_SDK_IDENTITY_WITHDRAWN', () => client.source.clear()],
    ])('is not used when %s', async (_, code, change) => {
      const { addressUrl } = await serve(world.shop.svid('/orders', { notAfter: world.clock.now() + 60 }))
      const agent = client.tls.httpsAgent(orders())
      await repeat(agent, addressUrl, orders())
      expect(requests).toBe(1)
      change()
      await expectCode(repeat(agent, addressUrl, orders()), code)
      expect(requests).toBe(1)
    })

    it('is closed at once when nobody may use it any more', async () => {
      const { addressUrl, connections } = await serve(world.shop.svid('/orders'))
      await repeat(client.tls.httpsAgent(orders()), addressUrl, orders())
      expect(connections.size).toBe(1)
      client.source.clear()
      await eventually(() => expect(connections.size).toBe(0))
    })

    it('serves no other demand', async () => {
      const admin = world.shop.id('/admin')
      const answers: Peer[] = [orders(), admin, orders()]
      const peers = () => answers.shift()
      const other = world.party(world.shop.svid('/storefront'), [], { peers })
      const { addressUrl } = await serve(world.shop.svid('/orders'))
      const agent = other.tls.httpsAgent()
      const send = () =>
        _name === 'fetch' ? other.tls.fetch(addressUrl).then((r) => r.text()) : get(addressUrl, agent)
      await send()
      await expectCode(send(), 'ERR_CERTIFICATE_UNEXPECTED_PEER')
      await send()
      expect(requests).toBe(2)
    })
  })
})

describe('connect', () => {
  it('says when nobody is there', async () => {
    const { port } = await serve(world.shop.svid('/orders'))
    const peer = world.shop.id('/orders')
    const socket = await client.tls.connect({ host: '127.0.0.1', port, peer })
    expect(socket.authorized).toBe(true)
    socket.destroy()
    await expect(client.tls.connect({ host: '127.0.0.1', port: 1, peer })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })

  it('ends with its signal, before and during the handshake', async () => {
    const peer = world.shop.id('/orders')
    const silent = createTcpServer((socket) => world.onEnd(() => socket.destroy()))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    world.onEnd(() => silent.close())
    const { port } = silent.address() as AddressInfo
    const controller = new AbortController()
    const connecting = client.tls.connect({ host: '127.0.0.1', port, peer, signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(connecting).rejects.toThrow('enough')
    const again = client.tls.connect({ host: '127.0.0.1', port, peer, signal: controller.signal })
    await expect(again).rejects.toThrow('enough')
    expect(world.clock.pendingTimers).toBe(0)
  })
})
