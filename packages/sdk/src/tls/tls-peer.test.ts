import { createServer } from 'node:http'
import type { X509Anchors, X509Revocations } from '@countersign/protocol'
import { expectCode } from '@countersign/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { foreignServer } from '../test-support/raw-tls.ts'
import { TlsWorld } from '../test-support/tls-world.ts'
import { closeServer, listen } from '../test-support/wire.ts'
import { anchorsForOpenSsl } from './anchors-for-openssl.ts'
import { tlsPeerOf, verifyTlsPeer } from './tls-peer.ts'
import { VerifiedConnection } from './verified-connection.ts'

let world: TlsWorld

beforeEach(() => {
  world = new TlsWorld()
})

afterEach(() => world[Symbol.asyncDispose]())

it('is who the certificate says, until the first certificate of its path ends', () => {
  const { source } = world.party(world.shop.svid('/orders'))
  const svid = world.shop.svid('/storefront', { notAfter: world.clock.now() + 60 })
  const peer = verifyTlsPeer([svid.x509Svid], source, { role: 'client', now: world.clock.now() })
  expect(peer.id.toString()).toBe('spiffe://shop.example/storefront')
  expect(peer.expiresAt).toBe(world.clock.now() + 60)
  expect(peer.certificate).toEqual(svid.x509Svid)
  expect(Object.isFrozen(peer)).toBe(true)
})

it('is refused without a certificate, and without a time', async () => {
  const { source } = world.party(world.shop.svid('/orders'))
  const { x509Svid } = world.shop.svid('/storefront')
  const verify = (chain: Uint8Array[], now: number) => verifyTlsPeer(chain, source, { role: 'client', now })
  await expectCode(() => verify([], world.clock.now()), 'ERR_CERTIFICATE_CHAIN_LENGTH')
  await expectCode(() => verify([x509Svid], Number.NaN), 'ERR_CERTIFICATE_NOT_YET_VALID')
  const facts = { chain: [x509Svid], role: 'client', expected: undefined, version: 1 } as const
  const connection = new VerifiedConnection(facts, source, world.clock.now())
  await expectCode(() => connection.peerAt(Number.NaN), 'ERR_CERTIFICATE_EXPIRED')
  expect(connection.isUsableAt(Number.NaN)).toBe(false)
})

it('is verified again once for each set of roots, not for each request', () => {
  const { source, hold } = world.party(world.shop.svid('/orders'))
  let verifications = 0
  const counting = {
    get version() {
      return source.version
    },
    anchorsOf: (origin: string): X509Anchors | undefined => source.anchorsOf(origin),
    revocationsOf: (origin: string): X509Revocations | undefined => source.revocationsOf(origin),
  }
  const chain = [world.shop.svid('/storefront').x509Svid]
  const facts = {
    get chain() {
      verifications += 1
      return chain
    },
    role: 'client',
    expected: undefined,
    version: 1,
  } as const
  const now = world.clock.now()
  const connection = new VerifiedConnection(facts, counting as typeof source, now)
  const once = verifications
  for (let request = 0; request < 5; request++) connection.peerAt(now)
  expect(verifications).toBe(once)
  world.shop.prepareAuthority()
  hold(world.shop.svid('/orders'))
  for (let request = 0; request < 5; request++) connection.peerAt(now)
  const twice = verifications
  expect(twice).toBeGreaterThan(once)
  source.clear()
  for (let request = 0; request < 5; request++) expect(() => connection.peerAt(now)).toThrow('not known')
  expect(verifications).toBeGreaterThan(twice)
  const thrice = verifications
  expect(() => connection.peerAt(now)).toThrow('not known')
  expect(verifications).toBe(thrice)
})

it('is nobody on a plain connection, whatever the request says', async () => {
  let seen: unknown = 'nothing'
  const server = createServer((incoming, response) => {
    seen = tlsPeerOf(incoming, world.clock.now())
    response.end()
  })
  const port = await listen(server)
  await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-forwarded-client-cert': 'URI=spiffe://shop.example/a' } })
  await closeServer(server)
  expect(seen).toBe(undefined)
})

it('is nobody on a TLS connection to a server of somebody else', async () => {
  const client = world.party(world.shop.svid('/storefront'))
  const server = foreignServer(world.shop.svid('/orders'), () => {})
  const seen: unknown[] = []
  server.prependListener('request', (incoming) => seen.push(tlsPeerOf(incoming, world.clock.now())))
  const { addressUrl } = await world.listen(server)
  await client.tls.fetch(addressUrl, { peer: world.shop.id('/orders') })
  expect(seen).toEqual([undefined])
})

it('leaves OpenSSL out where it would refuse a path that is good', () => {
  const { source } = world.party(world.shop.svid('/orders'))
  const anchors = source.anchorsOf(world.shop.origin)
  const [certificate] = anchors?.certificates ?? []
  const of = (...certificates: unknown[]) => anchorsForOpenSsl({ certificates } as unknown as X509Anchors)
  expect(anchorsForOpenSsl(anchors)).toHaveLength(1)
  expect(anchorsForOpenSsl(undefined)).toBe(undefined)
  expect(of()).toBe(undefined)
  expect(of(certificate, certificate)).toBe(undefined)
  expect(of({ ...certificate, issuer: Uint8Array.of(1) })).toBe(undefined)
})
