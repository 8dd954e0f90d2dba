import { IdentifierMatcher, WorkloadId } from '@countersign/protocol'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { settleDemand } from './connection-demand.ts'
import { isExpected, type Peer, type PeerDirectory } from './expected-peer.ts'

const ORDERS = WorkloadId.parse('spiffe://shop.example/orders')
const ADMIN = WorkloadId.parse('spiffe://shop.example/admin')
const BANK = WorkloadId.parse('spiffe://bank.example/orders')
const settle = (host: string, peer?: Peer, directory: PeerDirectory = {}, port = 443) =>
  settleDemand({ host, port }, peer, directory)

describe('what a connection must prove', () => {
  it('is the DNS name that was called, when nothing is configured', () => {
    expect(settle('Orders.Example')).toMatchObject({
      expected: undefined,
      dnsName: 'orders.example',
      origin: undefined,
    })
  })

  it('is the expected workload, by whatever address it is called', () => {
    for (const host of ['orders.example', '10.0.0.7', '::1', '[::1]']) {
      expect(settle(host, ORDERS)).toMatchObject({ expected: ORDERS, dnsName: undefined, origin: ORDERS.origin })
    }
  })

  it('is both when both are demanded', () => {
    const demand = settle('orders.example', { expected: ORDERS, hostname: true })
    expect(demand).toMatchObject({ expected: ORDERS, dnsName: 'orders.example' })
  })

  it('knows its origin only when there is one', () => {
    expect(settle('a.example', [ORDERS, ADMIN]).origin).toBe('spiffe://shop.example')
    expect(settle('a.example', [ORDERS, BANK]).origin).toBe(undefined)
    expect(settle('a.example', []).origin).toBe(undefined)
    expect(settle('a.example', () => true).origin).toBe(undefined)
  })

  it.each(['10.0.0.7', '::1', '[::1]'])('is never nothing: %s without an expected workload', async (host) => {
    for (const peer of [undefined, {}, { hostname: true }, { hostname: false }]) {
      await expectCode(() => settle(host, peer), 'ERR_TLS_NO_EXPECTATION')
    }
  })

  it('is never nothing: a DNS name that is not to be looked at', () =>
    expectCode(() => settle('orders.example', { hostname: false }), 'ERR_TLS_NO_EXPECTATION'))

  it('cannot be the DNS name of an address', () =>
    expectCode(() => settle('10.0.0.7', { expected: ORDERS, hostname: true }), 'ERR_TLS_HOST_NAME'))
})

describe('the directory', () => {
  it('goes by host, and port unless it is 443', () => {
    const directory = { 'orders.example': ORDERS, '10.0.0.7:8443': ADMIN, '[::1]:8443': BANK }
    expect(settle('ORDERS.example', undefined, directory).expected).toBe(ORDERS)
    expect(settle('orders.example', undefined, directory, 8443).expected).toBe(undefined)
    expect(settle('10.0.0.7', undefined, directory, 8443).expected).toBe(ADMIN)
    expect(settle('::1', undefined, directory, 8443).expected).toBe(BANK)
  })

  it('is asked with the same name as a function', () => {
    const asked: string[] = []
    const directory = (name: string) => {
      asked.push(name)
      return ORDERS
    }
    settle('::1', undefined, directory, 8443)
    settle('Orders.example', undefined, directory)
    expect(asked).toEqual(['[::1]:8443', 'orders.example'])
  })

  it('gives way to what the call says', () => {
    expect(settle('orders.example', ADMIN, { 'orders.example': ORDERS }).expected).toBe(ADMIN)
  })

  it('knows nothing by inheritance', () =>
    expectCode(() => settle('::1', undefined, { __proto__: {} }), 'ERR_TLS_NO_EXPECTATION'))
})

describe('the key', () => {
  const same = () => true
  const matcher = IdentifierMatcher.exact(ORDERS)

  it.each<[string, Peer | undefined, Peer | undefined]>([
    ['no workload', undefined, {}],
    ['one workload', ORDERS, { expected: WorkloadId.parse(ORDERS.toString()) }],
    ['a list', [ORDERS, ADMIN], [ADMIN, ORDERS]],
    ['a function', same, same],
    ['a matcher', matcher, { expected: matcher }],
  ])('is the same for the same demand: %s', (_, one, other) => {
    expect(settle('a.example', one).key).toBe(settle('a.example', other).key)
  })

  it('differs for every other', () => {
    const peers: (Peer | undefined)[] = [
      undefined,
      ORDERS,
      ADMIN,
      [ORDERS, ADMIN],
      [],
      () => true,
      () => true,
      IdentifierMatcher.exact(ORDERS),
      { expected: ORDERS, hostname: true },
    ]
    expect(new Set(peers.map((peer) => settle('a.example', peer).key)).size).toBe(peers.length)
    expect(settle('a.example').key).not.toBe(settle('b.example').key)
  })
})

describe('an expectation', () => {
  it('is met by whom it names', () => {
    for (const expected of [ORDERS, [ADMIN, ORDERS], IdentifierMatcher.exact(ORDERS), () => true]) {
      expect(isExpected(expected, ORDERS)).toBe(true)
    }
  })

  it('is met by nobody else', () => {
    const truthy = (() => Promise.resolve(true)) as unknown as () => boolean
    for (const expected of [ADMIN, BANK, [], [ADMIN, BANK], IdentifierMatcher.exact(ADMIN), () => false, truthy]) {
      expect(isExpected(expected, ORDERS)).toBe(false)
    }
  })
})
