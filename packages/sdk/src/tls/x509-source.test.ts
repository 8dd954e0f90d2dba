import { inspect } from 'node:util'
import { create } from '@bufbuild/protobuf'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { expectCode, FakeClock } from '@countersign/testing'
import { type X509SVID, type X509SVIDResponse, X509SVIDResponseSchema } from '@countersign/workload-api'
import { beforeEach, describe, expect, it } from 'vitest'
import { X509Domain, x509Response } from '../test-support/x509-domain.ts'
import { X509Source } from './x509-source.ts'

const NOW = 1_800_000_000
const shop = new X509Domain('shop.example', NOW)
const bank = new X509Domain('bank.example', NOW)
let clock: FakeClock
let source: X509Source

beforeEach(() => {
  clock = new FakeClock(NOW)
  source = new X509Source(clock)
})

describe('what was said last', () => {
  it('counts: identities in order, the first is the default one', () => {
    source.accept(x509Response([shop.svid('/orders', { hint: 'internal' }), shop.svid('/orders-out')]))
    expect(source.identities.map(({ id, hint }) => [id.path, hint])).toEqual([
      ['/orders', 'internal'],
      ['/orders-out', undefined],
    ])
    expect(source.identity).toBe(source.identities[0])
    expect(source.identity.expiresAt).toBe(NOW + 3600)
    expect(source.isLoaded).toBe(true)
  })

  it('holds the roots of each origin apart', () => {
    source.accept(x509Response([shop.svid('/orders')], [bank]))
    const raw = (origin: string) => source.anchorsOf(origin)?.certificates.map((each) => each.raw)
    expect(raw(shop.origin)).toEqual(shop.roots)
    expect(raw(bank.origin)).toEqual(bank.roots)
    expect(raw('spiffe://other.example')).toBe(undefined)
    expect(raw('wimse://shop.example')).toBe(undefined)
  })

  it('replaces everything', () => {
    source.accept(x509Response([shop.svid('/orders'), shop.svid('/two')], [bank]))
    source.accept(x509Response([shop.svid('/orders')]))
    expect(source.identities).toHaveLength(1)
    expect(source.anchorsOf(bank.origin)).toBe(undefined)
  })

  it('may be that a federated domain has no roots left', () => {
    const message = x509Response([shop.svid('/orders')])
    message.federatedBundles[bank.origin] = new Uint8Array()
    source.accept(message)
    expect(source.anchorsOf(bank.origin)?.certificates).toEqual([])
  })

  it('is not shown when it is logged', () => {
    source.accept(x509Response([shop.svid('/orders')]))
    expect(inspect(source.identity, { depth: 9, showHidden: true })).not.toMatch(/PRIVATE KEY/)
    expect(JSON.stringify(source.identity.key)).toBe('{}')
  })
})

describe('the version', () => {
  it('grows with each change, and listeners are told', () => {
    const told: number[] = []
    const stop = source.onChange(() => told.push(source.version))
    const svid = shop.svid('/orders')
    source.accept(x509Response([svid]))
    source.accept(x509Response([svid], [bank]))
    source.accept(x509Response([shop.svid('/orders')], [bank]))
    source.clear()
    stop()
    source.accept(x509Response([svid]))
    expect(told).toEqual([1, 2, 3, 4])
    expect(source.version).toBe(5)
  })

  it('stays when nothing has changed', () => {
    const svid = shop.svid('/orders')
    source.accept(x509Response([svid], [bank]))
    const anchors = source.anchorsOf(bank.origin)
    source.accept(x509Response([svid], [bank]))
    expect(source.version).toBe(1)
    expect(source.anchorsOf(bank.origin)).toBe(anchors)
    source.clear()
    source.clear()
    expect(source.version).toBe(2)
  })

  it('keeps the roots of a domain that has not changed', () => {
    source.accept(x509Response([shop.svid('/orders')], [bank]))
    const [own, federated] = [source.anchorsOf(shop.origin), source.anchorsOf(bank.origin)]
    source.accept(x509Response([shop.svid('/orders')], [bank]))
    expect(source.version).toBe(2)
    expect(source.anchorsOf(shop.origin)).toBe(own)
    expect(source.anchorsOf(bank.origin)).toBe(federated)
  })
})

describe('no identity', () => {
  it('before anything was said, and after it was taken back', async () => {
    await expectCode(() => source.identity, 'ERR_SDK_IDENTITY_WITHDRAWN')
    source.accept(x509Response([shop.svid('/orders')], [bank]))
    source.clear()
    await expectCode(() => source.identity, 'ERR_SDK_IDENTITY_WITHDRAWN')
    expect(source.isLoaded).toBe(false)
    for (const { origin } of [shop, bank]) expect(source.anchorsOf(origin)).toBe(undefined)
  })

  it('when it has expired', async () => {
    source.accept(x509Response([shop.svid('/orders')]))
    clock.jump(3599)
    expect(source.identity.id.path).toBe('/orders')
    clock.jump(1)
    await expectCode(() => source.identity, 'ERR_SDK_IDENTITY_EXPIRED')
  })

  it('once it is closed, for good', async () => {
    source.accept(x509Response([shop.svid('/orders')]))
    source.close()
    await expectCode(() => source.identity, 'ERR_SDK_CLOSED')
    source.accept(x509Response([shop.svid('/orders')]))
    await expectCode(() => source.identity, 'ERR_SDK_CLOSED')
    expect(source.anchorsOf(shop.origin)).toBe(undefined)
  })
})

describe('a message that makes no sense is dropped as a whole', () => {
  const change = (change: Partial<X509SVID>): X509SVIDResponse =>
    x509Response([shop.svid('/first'), { ...shop.svid('/orders'), ...change }])
  const otherKey = generateSigningKey('ES256').exportPkcs8() as Uint8Array<ArrayBuffer>
  const federated = (bundles: Record<string, Uint8Array>) => {
    const message = x509Response([shop.svid('/orders')])
    Object.assign(message.federatedBundles, bundles)
    return message
  }

  it.each<[string, () => X509SVIDResponse | Promise<X509SVIDResponse>]>([
    ['no identity', () => create(X509SVIDResponseSchema, {})],
    ['no certificate', () => change({ x509Svid: new Uint8Array() })],
    ['a certificate that is none', () => change({ x509Svid: Uint8Array.of(0x30, 0) })],
    ['half a certificate', () => change({ x509Svid: shop.svid('/orders').x509Svid.slice(0, 100) })],
    ['another identity than the certificate', () => change({ spiffeId: 'spiffe://shop.example/admin' })],
    ['an origin as identity', () => change({ spiffeId: 'spiffe://shop.example' })],
    ['no key', () => change({ x509SvidKey: new Uint8Array() })],
    ['another key than the certificate', () => change({ x509SvidKey: otherKey })],
    ['no roots of its own', () => change({ bundle: new Uint8Array() })],
    ['roots that are none', () => change({ bundle: Uint8Array.of(1, 2, 3) })],
    ['two bundles for its own domain', () => change({ bundle: bank.bundle as Uint8Array<ArrayBuffer> })],
    ['a federated bundle that is none', () => federated({ [bank.origin]: Uint8Array.of(0x30, 0) })],
    ['a federated bundle of a workload', () => federated({ [`${bank.origin}/a`]: bank.bundle })],
    ['a federated bundle of another scheme', () => federated({ 'wimse://bank.example': bank.bundle })],
    ['another bundle for its own domain', () => federated({ [shop.origin]: bank.bundle })],
    [
      'two identifiers in one certificate',
      async () => x509Response([await shop.oddSvid({ uris: [`${shop.origin}/a`, `${shop.origin}/b`] })]),
    ],
    [
      'the certificate of an authority',
      async () => x509Response([await shop.oddSvid({ uris: [`${shop.origin}/a`], isCa: true })]),
    ],
  ])('%s', async (_, message) => {
    source.accept(x509Response([shop.svid('/before')], [bank]))
    const bad = await message()
    await expectCode(() => source.accept(bad), 'ERR_SDK_WORKLOAD_API')
    expect(source.identity.id.path).toBe('/before')
    expect(source.identities).toHaveLength(1)
    expect(source.anchorsOf(bank.origin)).toBeDefined()
    expect(source.version).toBe(1)
  })

  it('but the same bundle stated twice is no contradiction', () => {
    source.accept(federated({ [shop.origin]: shop.bundle }))
    expect(source.anchorsOf(shop.origin)?.certificates).toHaveLength(1)
  })
})
