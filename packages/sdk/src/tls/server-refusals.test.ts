/** Whom a server of `MutualTls` does not let in, and what it says of it. */
import { EventEmitter } from 'node:events'
import { Agent } from 'node:https'
import { connect } from 'node:net'
import type { ConnectionOptions, Server as TlsServer } from 'node:tls'
import { expectCode } from '@countersign/testing'
import type { X509SVID } from '@countersign/workload-api'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callRaw, credentialOf } from '../test-support/raw-tls.ts'
import { get, type Party, type Served, TlsWorld } from '../test-support/tls-world.ts'
import { X509Domain } from '../test-support/x509-domain.ts'
import { guardServer } from './guard-server.ts'
import type { PeerHttpsServerOptions } from './mutual-tls.ts'

const ADMIN = 'spiffe://shop.example/admin'
let world: TlsWorld
let server: Party

beforeEach(() => {
  world = new TlsWorld()
  server = world.party(world.shop.svid('/orders'), [world.bank])
})

afterEach(() => world[Symbol.asyncDispose]())

/** A server whose handler nobody may reach. */
async function serveNobody(options: PeerHttpsServerOptions = {}): Promise<Served> {
  const refusals: (string | undefined)[] = []
  const onRejectedPeer = (error: unknown) => refusals.push((error as { code?: string }).code)
  const listening = server.tls.createHttpsServer({ ...options, onRejectedPeer }, () => refusals.push('REACHED'))
  return world.listen(listening, refusals)
}

async function refusal(options: ConnectionOptions, serverOptions?: PeerHttpsServerOptions) {
  const { port, refusals } = await serveNobody(serverOptions)
  const { text } = await callRaw(port, options)
  return { text, refusals }
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (version) => {
  const only = { minVersion: version, maxVersion: version } as const

  it.each<[string, string, () => X509SVID | undefined | Promise<X509SVID>]>([
    ['no certificate', 'ERR_TLS_NO_CERTIFICATE', () => undefined],
    [
      'of an unknown domain',
      'ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN',
      () => {
        return new X509Domain('other.example', world.clock.now()).svid('/a')
      },
    ],
    [
      'our identifier, signed by a federated domain',
      'ERR_CERTIFICATE_UNTRUSTED',
      () => world.bank.oddSvid({ uris: [ADMIN] }),
    ],
    [
      'our identifier, signed by who calls itself our domain',
      'ERR_CERTIFICATE_UNTRUSTED',
      () => {
        return new X509Domain('shop.example', world.clock.now()).svid('/admin')
      },
    ],
    [
      'two identifiers',
      'ERR_CERTIFICATE_URI_COUNT',
      () => {
        return world.shop.oddSvid({ uris: [ADMIN, 'spiffe://shop.example/b'] })
      },
    ],
    [
      'an identifier and another URI',
      'ERR_CERTIFICATE_URI_COUNT',
      () => {
        return world.shop.oddSvid({ uris: [ADMIN, 'https://shop.example/'] })
      },
    ],
    [
      'a DNS name only',
      'ERR_CERTIFICATE_URI_COUNT',
      () => world.shop.oddSvid({ uris: [], dnsNames: ['shop.example'] }),
    ],
    ['an origin', 'ERR_CERTIFICATE_IDENTIFIER', () => world.shop.oddSvid({ uris: ['spiffe://shop.example'] })],
    ['an authority', 'ERR_CERTIFICATE_LEAF_IS_CA', () => world.shop.oddSvid({ uris: [ADMIN], isCa: true })],
    [
      'for servers only',
      'ERR_CERTIFICATE_EXTENDED_KEY_USAGE',
      () => {
        return world.shop.oddSvid({ uris: [ADMIN], extKeyUsage: ['serverAuth'] })
      },
    ],
    ['expired', 'ERR_CERTIFICATE_EXPIRED', () => world.shop.svid('/admin', { notAfter: world.clock.now() - 1 })],
    [
      'not yet valid',
      'ERR_CERTIFICATE_NOT_YET_VALID',
      () => {
        return world.shop.svid('/admin', { notBefore: world.clock.now() + 10 })
      },
    ],
  ])('refuses %s', async (_, code, make) => {
    const svid = await make()
    const { text, refusals } = await refusal({ ...only, ...(svid && credentialOf(svid)) })
    expect({ text, refusals }).toEqual({ text: '', refusals: [code] })
  })

  it('resumes no session, so nobody comes in without being looked at', async () => {
    const { port, refusals } = await world.serve(server)
    const credential = credentialOf(world.bank.svid('/ledger'))
    const first = await callRaw(port, { ...only, ...credential })
    expect(first.text).toContain('spiffe://bank.example/ledger')
    const again = { ...only, ...credential, ...(first.session && { session: first.session }) }
    const second = await callRaw(port, again)
    expect(second.isSessionReused).toBe(false)
    expect(second.text).toContain('spiffe://bank.example/ledger')
    server.hold(world.shop.svid('/orders'))
    const third = await callRaw(port, again)
    expect(third).toMatchObject({ isSessionReused: false, text: '' })
    expect(refusals).toEqual(['ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN'])
    // The session alone, without the certificate it was made with.
    const fourth = await callRaw(port, { ...only, ...(first.session && { session: first.session }) })
    expect(fourth).toMatchObject({ isSessionReused: false, text: '' })
    expect(refusals.at(-1)).toBe('ERR_TLS_NO_CERTIFICATE')
  })
})

it('refuses a resumed session, should there ever be one', () => {
  const { source } = server
  const codes: unknown[] = []
  const sockets: unknown[] = []
  const emitter = new EventEmitter()
  emitter.on('secureConnection', (socket) => sockets.push(socket))
  const onRejectedPeer = (error: unknown) => codes.push((error as { code?: string }).code)
  guardServer(emitter as TlsServer, { source, runtime: world.clock, expected: undefined, onRejectedPeer })
  let isDestroyed = false
  const destroy = () => {
    isDestroyed = true
  }
  emitter.emit('secureConnection', { isSessionReused: () => true, destroy })
  expect({ codes, sockets, isDestroyed }).toEqual({
    codes: ['ERR_TLS_SESSION_RESUMED'],
    sockets: [],
    isDestroyed: true,
  })
})

it('refuses whoever is not expected there', async () => {
  const storefront = credentialOf(world.shop.svid('/storefront'))
  const { text, refusals } = await refusal(storefront, { expected: world.shop.id('/admin') })
  expect({ text, refusals }).toEqual({ text: '', refusals: ['ERR_CERTIFICATE_UNEXPECTED_PEER'] })
})

it('refuses old TLS', async () => {
  const credential = credentialOf(world.shop.svid('/a'))
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  expect(await refusal({ ...credential, ...old })).toEqual({ text: '', refusals: ['ERR_TLS_HANDSHAKE'] })
})

it('refuses what is no TLS', async () => {
  const { port, refusals } = await serveNobody()
  const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\n\r\n'))
  socket.on('error', () => {})
  await new Promise((resolve) => socket.resume().once('close', resolve))
  expect(refusals).toEqual(['ERR_TLS_HANDSHAKE'])
})

it('refuses over HTTP/2 alike', async () => {
  const { port, refusals } = await world.serveHttp2(server, { allowHTTP1: true })
  for (const ALPNProtocols of [['h2'], ['http/1.1']]) {
    expect((await callRaw(port, { ALPNProtocols })).text).toBe('')
  }
  expect(refusals).toEqual(['ERR_TLS_NO_CERTIFICATE', 'ERR_TLS_NO_CERTIFICATE'])
})

it('goes on when the one who is told throws', async () => {
  const onRejectedPeer = () => {
    throw new Error('mine')
  }
  const { port } = await world.serve(server, { onRejectedPeer })
  const warned = new Promise((resolve) => process.once('warning', resolve))
  expect((await callRaw(port, {})).text).toBe('')
  expect(String(await warned)).toContain('onRejectedPeer threw')
  expect((await callRaw(port, credentialOf(world.shop.svid('/a')))).text).toContain('spiffe://shop.example/a')
})

describe('without an identity of its own', () => {
  it('there is no server', () =>
    expectCode(() => world.party().tls.createHttpsServer({}), 'ERR_SDK_IDENTITY_WITHDRAWN'))

  it('takes nobody when it was withdrawn, until there is one again', async () => {
    const { port, refusals } = await world.serve(server)
    const caller = credentialOf(world.shop.svid('/a'))
    server.source.clear()
    expect((await callRaw(port, caller)).text).toBe('')
    expect(refusals).toEqual(['ERR_SDK_IDENTITY_WITHDRAWN'])
    server.hold(world.shop.svid('/orders'))
    expect((await callRaw(port, caller)).text).toContain('spiffe://shop.example/a')
  })

  it('takes nobody when it has expired', async () => {
    const { port, refusals } = await world.serve(server)
    const caller = credentialOf(world.shop.svid('/a', { notAfter: world.clock.now() + 7200 }))
    world.clock.jump(3600)
    expect((await callRaw(port, caller)).text).toBe('')
    expect(refusals).toEqual(['ERR_SDK_IDENTITY_EXPIRED'])
  })
})

describe('an open connection is judged at every request', () => {
  let agent: Agent
  let url: string
  let served: Served

  beforeEach(async () => {
    served = await world.serve(server)
    url = served.addressUrl
  })

  afterEach(() => agent.destroy())

  /** A client that keeps its connection whatever happens. */
  async function stay(svid: X509SVID): Promise<void> {
    agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false, ...credentialOf(svid) })
    expect(await get(url, agent)).toMatch(/^spiffe:/)
  }

  afterEach(() => expect(served.connections.size).toBe(1))

  it('by its time', async () => {
    await stay(world.shop.svid('/a', { notAfter: world.clock.now() + 60 }))
    world.clock.jump(60)
    expect(await get(url, agent)).toBe('spiffe://shop.example/a')
    world.clock.jump(1)
    expect(await get(url, agent)).toBe('ERR_CERTIFICATE_EXPIRED')
  })

  it('by the trust in its domain', async () => {
    await stay(world.bank.svid('/ledger'))
    server.hold(world.shop.svid('/orders'))
    expect(await get(url, agent)).toBe('ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN')
    server.hold(world.shop.svid('/orders'), [world.bank])
    expect(await get(url, agent)).toBe('spiffe://bank.example/ledger')
    server.source.clear()
    expect(await get(url, agent)).toBe('ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN')
  })

  it('by the roots of its domain', async () => {
    const { bank } = world
    await stay(bank.svid('/ledger'))
    bank.prepareAuthority()
    server.hold(world.shop.svid('/orders'), [bank])
    expect(await get(url, agent)).toBe('spiffe://bank.example/ledger')
    bank.activateAuthority()
    bank.retireAuthorities()
    server.hold(world.shop.svid('/orders'), [bank])
    for (const _ of [1, 2]) expect(await get(url, agent)).toBe('ERR_CERTIFICATE_UNTRUSTED')
  })

  it('not by what changes elsewhere', async () => {
    await stay(world.bank.svid('/ledger'))
    world.shop.prepareAuthority()
    server.hold(world.shop.svid('/orders'), [world.bank])
    expect(await get(url, agent)).toBe('spiffe://bank.example/ledger')
  })
})
