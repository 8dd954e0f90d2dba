/** A peer whose certificate its authority has revoked is refused, on new connections and on those that are open. */
import { expectCode } from '@countersign/testing'
import type { X509SVID } from '@countersign/workload-api'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { get, type Party, type Served, TlsWorld } from '../test-support/tls-world.ts'

let world: TlsWorld
let orders: X509SVID
let storefront: X509SVID
let server: Party
let client: Party
let served: Served

beforeEach(async () => {
  world = new TlsWorld()
  orders = world.shop.svid('/orders')
  storefront = world.shop.svid('/storefront')
  server = world.party(orders)
  client = world.party(storefront)
  served = await world.serve(server)
})

afterEach(() => world[Symbol.asyncDispose]())

const call = async () => (await client.tls.fetch(served.addressUrl, { peer: world.shop.id('/orders') })).text()

describe('a client that is revoked', () => {
  it('is refused on its open connection, and on new ones', async () => {
    const agent = client.tls.httpsAgent(world.shop.id('/orders'))
    expect(await get(served.addressUrl, agent)).toBe('spiffe://shop.example/storefront')
    server.hold(orders, [], [world.shop.crl(storefront)])
    expect(await get(served.addressUrl, agent)).toBe('ERR_CERTIFICATE_REVOKED')
    expect(served.connections.size).toBe(1)
    const other = world.party(storefront).tls.httpsAgent(world.shop.id('/orders'))
    await expect(get(served.addressUrl, other)).rejects.toThrow()
    expect(served.refusals).toEqual(['ERR_CERTIFICATE_REVOKED'])
  })

  it('counts again with a new certificate, and others are not disturbed', async () => {
    const other = world.party(world.shop.svid('/other'))
    const agent = other.tls.httpsAgent(world.shop.id('/orders'))
    expect(await get(served.addressUrl, agent)).toBe('spiffe://shop.example/other')
    const { version } = server.source
    server.hold(orders, [], [world.shop.crl(storefront)])
    expect(server.source.version).toBe(version)
    client.hold(world.shop.svid('/storefront'))
    expect(await call()).toBe('spiffe://shop.example/storefront')
    expect(await get(served.addressUrl, agent)).toBe('spiffe://shop.example/other')
    expect(served.refusals).toEqual([])
    expect(served.connections.size).toBe(2)
  })
})

describe('a server that is revoked', () => {
  it('is sent nothing more, by fetch and by node:https', async () => {
    const agent = client.tls.httpsAgent(world.shop.id('/orders'))
    expect(await call()).toBe('spiffe://shop.example/storefront')
    expect(await get(served.addressUrl, agent)).toBe('spiffe://shop.example/storefront')
    client.hold(storefront, [], [world.shop.crl(orders)])
    await expectCode(get(served.addressUrl, agent), 'ERR_CERTIFICATE_REVOKED')
    await expect(call()).rejects.toMatchObject({ code: 'ERR_CERTIFICATE_REVOKED' })
  })

  it('has its idle connections closed at once', async () => {
    expect(await get(served.addressUrl, client.tls.httpsAgent(world.shop.id('/orders')))).toContain('/storefront')
    client.hold(storefront, [], [world.shop.crl(orders)])
    await vi.waitFor(() => expect(served.connections.size).toBe(0))
  })
})

describe('a list', () => {
  it('counts for the domain whose authority signed it and no other, and is no reason to warn', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    try {
      const { shop, bank } = world
      client.hold(storefront, [bank], [bank.crl(orders), shop.crl()])
      expect(await call()).toBe('spiffe://shop.example/storefront')
      expect(warn).not.toHaveBeenCalled()
    } finally {
      warn.mockRestore()
    }
  })

  it('that cannot be read is left out with one warning, one of a stranger without, and the others count', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    try {
      const lists = [world.bank.crl(orders), world.shop.crl(storefront), Uint8Array.of(1)]
      client.hold(storefront, [], lists)
      client.hold(storefront, [], lists)
      expect(await call()).toBe('spiffe://shop.example/storefront')
      expect(warn.mock.calls.map(([text]) => /ERR_\w+/.exec(String(text))?.[0])).toEqual(['ERR_CERTIFICATE_MALFORMED'])
      client.hold(storefront, [], [...lists, world.shop.crl(orders)])
      await expect(call()).rejects.toMatchObject({ code: 'ERR_CERTIFICATE_REVOKED' })
    } finally {
      warn.mockRestore()
    }
  })
})
