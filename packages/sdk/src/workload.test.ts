/** What becomes of an open workload as its agent goes on telling. */
import { expectCode } from '@countersign/testing'
import { status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SdkError } from './sdk-error.ts'
import { bundlesOf, witDomain } from './test-support/deliveries.ts'
import { eventually, Host } from './test-support/host.ts'

let host: Host
let agent: Host['agent']
let clock: Host['clock']
let domain: Host['domain']
let failures: Host['failures']

beforeEach(async () => {
  host = await Host.start()
  ;({ agent, clock, domain, failures } = host)
})

afterEach(() => host[Symbol.asyncDispose]())

describe('an open workload', () => {
  it('takes over a rotated identity as a whole', async () => {
    const workload = await host.connectOrders()
    const before = workload.identity.wit
    agent.giveIdentities(host.identity('/orders', { ttlSeconds: 7200 }))
    await eventually(() => expect(workload.identity.wit).not.toBe(before))
    expect(workload.identity.expiresAt).toBe(clock.now() + 7200)
    expect(workload.identities.length).toBe(1)
  })

  it('drops an identity that a later message leaves out', async () => {
    agent.giveIdentities(host.identity('/orders'), host.identity('/second'))
    agent.giveBundles(bundlesOf(domain))
    const workload = await host.connect()
    agent.giveIdentities(host.identity('/second'))
    await eventually(() => expect(workload.id.path).toBe('/second'))
    expect(workload.identities.length).toBe(1)
  })

  it('has nothing left after a withdrawal, and starts anew when it is entitled again', async () => {
    const workload = await host.connectOrders()
    agent.withdraw()
    await eventually(() => expect(workload.identities).toEqual([]))
    await expectCode(() => workload.identity, 'ERR_SDK_IDENTITY_WITHDRAWN')
    await expectCode(workload.fetch('http://127.0.0.1:1/'), 'ERR_SDK_IDENTITY_WITHDRAWN')
    await eventually(() => expect(workload.trust.origins()).toEqual([]))
    expect(host.codes()).toEqual(['ERR_WORKLOAD_API_DENIED', 'ERR_WORKLOAD_API_DENIED'])

    agent.giveIdentities(host.identity('/orders'))
    agent.giveBundles(bundlesOf(domain))
    await host.afterRetries(() => expect(workload.id.path).toBe('/orders'))
    await host.afterRetries(() => expect(workload.trust.origins()).toEqual(['spiffe://shop.example']))
  })

  it('keeps what it has while the agent is lost, until it expires', async () => {
    const workload = await host.connectOrders()
    const { wit, expiresAt } = workload.identity
    agent.goAway()
    await eventually(() => expect(failures.length).toBeGreaterThanOrEqual(2))
    expect(workload.identity.wit).toBe(wit)
    expect(workload.trust.origins()).toEqual(['spiffe://shop.example'])

    clock.jump(expiresAt - 1 - clock.now())
    expect(workload.identity.wit).toBe(wit)
    clock.jump(1)
    await expectCode(() => workload.identity, 'ERR_SDK_IDENTITY_EXPIRED')
    await expectCode(workload.fetch('http://127.0.0.1:1/'), 'ERR_SDK_IDENTITY_EXPIRED')
  })

  it('finds an agent that came back', async () => {
    const workload = await host.connectOrders()
    agent.goAway()
    await eventually(() => expect(failures.length).toBeGreaterThanOrEqual(2))
    agent.giveIdentities(host.identity('/renewed'))
    await agent.comeBack()
    await host.afterRetries(() => expect(workload.id.path).toBe('/renewed'))
    // However an agent goes (a cancelled stream, a closed connection, no socket), it is asked again.
    expect(failures.filter(({ retryMs }) => retryMs === undefined)).toEqual([])
  })

  it('follows federation: a domain is trusted from the moment it is named until it is no longer named', async () => {
    const workload = await host.connectOrders()
    const bank = witDomain('bank.example')
    agent.giveBundles(bundlesOf(domain, bank))
    await eventually(() => expect(workload.trust.get('spiffe://bank.example')?.witKeys.jwks.length).toBe(1))
    agent.giveBundles(bundlesOf(domain))
    await eventually(() => expect(workload.trust.get('spiffe://bank.example')).toBe(undefined))
    expect(workload.trust.origins()).toEqual(['spiffe://shop.example'])
  })

  it('keeps the trust of a domain whose bundle did not change, and replaces it when it did', async () => {
    const workload = await host.connectOrders()
    const before = workload.trust.get('spiffe://shop.example')
    const bank = witDomain('bank.example')
    agent.giveBundles(bundlesOf(domain, bank))
    await eventually(() => expect(workload.trust.origins().length).toBe(2))
    expect(workload.trust.get('spiffe://shop.example')).toBe(before)
    agent.giveBundles(bundlesOf(witDomain(), bank))
    await eventually(() => expect(workload.trust.get('spiffe://shop.example')).not.toBe(before))
  })

  it('outlives a stream that the agent stops offering, and says so', async () => {
    const workload = await host.connectOrders()
    agent.endIdentities(status.UNIMPLEMENTED)
    await eventually(() => expect(failures).toEqual([{ code: 'ERR_WORKLOAD_API_UNIMPLEMENTED', retryMs: undefined }]))
    expect(workload.id.path).toBe('/orders')
    agent.giveBundles(bundlesOf(domain, witDomain('bank.example')))
    await eventually(() => expect(workload.trust.origins().length).toBe(2))
  })
})

describe('a message that cannot be used', () => {
  const other = () => domain.workload('/other')
  const good = () => host.identity('/orders')
  const cases: [string, () => void][] = [
    ['no identities', () => agent.giveIdentities()],
    ['an empty token', () => agent.giveIdentities({ ...good(), witSvid: '' })],
    ['a token that is none', () => agent.giveIdentities({ ...good(), witSvid: 'a.b.c' })],
    ['an empty identifier', () => agent.giveIdentities({ ...good(), spiffeId: '' })],
    ['an identifier that is not the token’s', () => agent.giveIdentities({ ...good(), spiffeId: 'spiffe://a/b' })],
    ['an empty key', () => agent.giveIdentities({ ...good(), witSvidKey: '' })],
    ['a key without algorithm', () => agent.giveIdentities({ ...good(), witSvidKey: '{"kty":"EC"}' })],
    [
      'a key that is not the token’s',
      () => agent.giveIdentities({ ...good(), witSvidKey: JSON.stringify(other().key.exportJwk()) }),
    ],
    ['one bad identity among good ones', () => agent.giveIdentities(good(), { ...good(), witSvid: '' })],
    ['no bundles', () => agent.giveBundles({})],
    ['a bundle that is no JSON', () => agent.giveBundles({ 'spiffe://shop.example': '{' })],
    ['a bundle without keys', () => agent.giveBundles({ 'spiffe://shop.example': '{}' })],
    ['a bundle with a key that is none', () => agent.giveBundles({ 'spiffe://shop.example': '{"keys":[null]}' })],
    ['a bundle of nobody', () => agent.giveBundles({ ...bundlesOf(domain), 'shop.example/': '{"keys":[]}' })],
  ]

  it.each(cases)('is reported and dropped, and the stream goes on: %s', async (_name, give) => {
    const workload = await host.connectOrders()
    const before = { wit: workload.identity.wit, trust: workload.trust.get('spiffe://shop.example') }
    give()
    await eventually(() => expect(failures).toEqual([{ code: 'ERR_SDK_WORKLOAD_API', retryMs: undefined }]))
    expect(workload.identity.wit).toBe(before.wit)
    expect(workload.trust.get('spiffe://shop.example')).toBe(before.trust)
    expect(workload.trust.origins()).toEqual(['spiffe://shop.example'])
    expect(agent.openStreams).toBe(2)

    agent.giveIdentities(host.identity('/renewed'))
    await eventually(() => expect(workload.id.path).toBe('/renewed'))
    agent.giveBundles(bundlesOf(domain, witDomain('bank.example')))
    await eventually(() => expect(workload.trust.origins().length).toBe(2))
  })

  it.each(cases)('is waited out by connect: %s', async (_name, give) => {
    agent.giveIdentities(good())
    agent.giveBundles(bundlesOf(domain))
    give()
    const connecting = host.connect()
    await eventually(() => expect(host.codes()).toEqual(['ERR_SDK_WORKLOAD_API']))
    agent.giveIdentities(good())
    agent.giveBundles(bundlesOf(domain))
    expect((await connecting).id.path).toBe('/orders')
  })

  it('that is not even a message is asked for again', async () => {
    const workload = await host.connectOrders()
    agent.giveGarbage()
    await eventually(() => expect(failures.length).toBe(2))
    expect(host.codes()).toEqual(['ERR_WORKLOAD_API_FAILED', 'ERR_WORKLOAD_API_FAILED'])
    expect(workload.id.path).toBe('/orders')
    agent.giveIdentities(host.identity('/renewed'))
    await host.afterRetries(() => expect(workload.id.path).toBe('/renewed'))
  })

  it('leaves out a bundle key of another use or an unknown kind, and believes the others', async () => {
    const jwk = domain.witKey.publicJwk
    const keys = [
      { ...jwk, kid: 'x509', use: 'x509-svid' },
      { ...jwk, kid: 'jwt', use: 'jwt-svid' },
      { kty: 'future', kid: 'new', use: 'wit-svid' },
      { ...domain.witKey.exportJwk(), kid: 'private', use: 'wit-svid' },
      { ...jwk, kid: 'own', use: 'wit-svid' },
    ]
    agent.giveIdentities(good())
    agent.giveBundles({ 'spiffe://shop.example': JSON.stringify({ keys }) })
    const workload = await host.connect()
    expect(workload.trust.get('spiffe://shop.example')?.witKeys.jwks.map(({ kid }) => kid)).toEqual(['own'])
    expect(failures).toEqual([])
  })

  it('is not quoted in what is reported', async () => {
    const reported: unknown[] = []
    const workload = await host.connectOrders({ onFailure: (failure) => reported.push(failure) })
    agent.giveIdentities({ ...good(), witSvid: 'secret-token', witSvidKey: 'secret-key' })
    await eventually(() => expect(reported.length).toBe(1))
    const { message, detail } = reported[0] as SdkError
    expect(`${message} ${detail}`).not.toMatch(/secret/)
    expect(workload.id.path).toBe('/orders')
  })
})
