import type { BundleDocument } from '@countersign/api'
import { expectCode, settle } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { FederationStore } from '../store/federation-store.ts'
import { anAuthority, aRoot, openFederations as open, partner, unreachable } from '../test-support/federation-world.ts'

const timesOf = (fetches: { at: number }[], start: number) => fetches.map(({ at }) => at - start)

describe('Federations', () => {
  it('fetches soon after it is told of a domain, then by its hint', async () => {
    const { federations, world, clock, bundles } = await open()
    const start = clock.now()
    expect(await federations.create({ ...partner, webRoots: await aRoot(clock) })).toMatchObject(partner)
    await clock.advance(125)
    expect(timesOf(world.fetches, start)).toEqual([0, 60, 120])
    expect(world.fetches[0]?.source.url).toBe(partner.bundleEndpointUrl)
    expect(world.fetches[0]?.source.authentication).toMatchObject({
      profile: 'https_web',
      webRoots: expect.any(String),
    })
    expect((await bundles.get('partner.example'))?.bundle).toEqual(world.answer)
    const [federation] = await federations.list()
    expect(federation).toMatchObject({ lastRefreshAt: start + 120, sequence: 1 })
    expect(federation).not.toHaveProperty('lastError')
  })

  it('goes on after a restart', async () => {
    const { federations, world, clock, create } = await open()
    await federations.create(partner)
    await clock.advance(1)
    await federations.stop()
    await clock.advance(1000)
    expect(world.fetches).toHaveLength(1)
    await create().start()
    await clock.advance(1)
    expect(world.fetches).toHaveLength(2)
  })

  it('keeps what it has when a fetch fails, tells why, and tries less and less often', async () => {
    const { federations, world, clock, bundles } = await open()
    await federations.create(partner)
    await clock.advance(1)
    const kept = await bundles.get('partner.example')
    world.answer = unreachable()
    const start = clock.now() - 1
    await clock.advance(3600)
    expect(timesOf(world.fetches, start)).toEqual([0, 60, 120, 240, 480, 960, 1560, 2160, 2760, 3360])
    expect(await bundles.get('partner.example')).toEqual(kept)
    expect((await federations.list())[0]).toMatchObject({
      lastRefreshAt: start,
      lastError: { code: 'ERR_FEDERATION_UNREACHABLE', at: start + 3360 },
    })
    world.answer = { keys: [], spiffe_sequence: 2, spiffe_refresh_hint: 60 }
    const refreshed = await federations.refresh('partner.example')
    expect(refreshed).toMatchObject({ sequence: 2, lastRefreshAt: clock.now() })
    expect(refreshed).not.toHaveProperty('lastError')
  })

  it('keeps the newer bundle when it is offered an older one', async () => {
    const { federations, world, clock, bundles } = await open()
    world.answer = { keys: [await anAuthority(clock)], spiffe_sequence: 5 }
    await federations.create(partner)
    await clock.advance(1)
    world.answer = { keys: [], spiffe_sequence: 4 }
    const { lastError, sequence } = await federations.refresh('partner.example')
    expect([lastError?.code, sequence]).toEqual(['ERR_FEDERATION_OLDER', 5])
    expect((await bundles.get('partner.example'))?.bundle.keys).toHaveLength(1)
  })

  it.each([
    [{ keys: 'none' }],
    [{}],
    [{ keys: [], spiffe_sequence: -1 }],
    [{ keys: [], spiffe_sequence: '1' }],
    [{ keys: [1] }],
  ])('refuses the document %j', async (document) => {
    const { federations, world, clock, bundles } = await open()
    world.answer = document as unknown as BundleDocument
    await federations.create(partner)
    await clock.advance(1)
    expect((await federations.list())[0]?.lastError?.code).toBe('ERR_FEDERATION_BUNDLE')
    expect(await bundles.get('partner.example')).toBe(undefined)
    await expectCode(federations.setBundle('partner.example', document), 'ERR_FEDERATION_BUNDLE')
  })

  it('keeps the bundle with a sequence when it is offered one without', async () => {
    const { federations, world, clock, bundles } = await open()
    world.answer = { keys: [await anAuthority(clock)], spiffe_sequence: 5 }
    await federations.create(partner)
    await clock.advance(1)
    world.answer = { keys: [] }
    const { lastError, sequence } = await federations.refresh('partner.example')
    expect([lastError?.code, sequence]).toEqual(['ERR_FEDERATION_OLDER', 5])
    expect((await bundles.get('partner.example'))?.bundle.keys).toHaveLength(1)
  })

  it.each([[partner.bundleEndpointUrl], ['https://elsewhere.example/bundle']])(
    'forgets a fetch that a deletion overtook, and follows %s when created anew',
    async (bundleEndpointUrl) => {
      const { federations, world, clock, bundles } = await open()
      const letGo: (() => void)[] = []
      const answerOld = () => letGo.shift()?.()
      world.ignoreAbort = new Promise((resolve) => letGo.push(resolve))
      world.answer = { keys: [], spiffe_sequence: 11 }
      await federations.create(partner)
      await clock.advance(1)
      await federations.delete('partner.example')
      expect(world.signals.map(({ aborted }) => aborted)).toEqual([true])
      world.ignoreAbort = undefined
      world.answer = { keys: [], spiffe_sequence: 9 }
      await federations.create({ ...partner, bundleEndpointUrl })
      await clock.advance(1)
      expect(world.fetches.map(({ source }) => source.url)).toEqual([partner.bundleEndpointUrl, bundleEndpointUrl])
      world.answer = { keys: [], spiffe_sequence: 10, spiffe_refresh_hint: 60 }
      world.hold = new Promise((resolve) => letGo.push(resolve))
      const refreshing = federations.refresh('partner.example')
      await settle()
      answerOld()
      await settle()
      expect(federations.refresh('partner.example')).toBe(refreshing)
      letGo.shift()?.()
      await refreshing
      expect((await bundles.get('partner.example'))?.bundle.spiffe_sequence).toBe(10)
      await clock.advance(60)
      expect(world.fetches.slice(3).map(({ source }) => source.url)).toEqual([bundleEndpointUrl])
      expect((await federations.list())[0]).not.toHaveProperty('lastError')
    },
  )

  it('does not blame a new relationship for the failure of the one before', async () => {
    const { store, federations, clock } = await open()
    await federations.create(partner)
    const failure = { code: 'ERR_FEDERATION_TIMEOUT', message: 'late' }
    const federationStore = new FederationStore(store)
    await federationStore.recordFailure('partner.example', 'https://before.example/bundle', failure, clock.now())
    expect((await federations.list())[0]).not.toHaveProperty('lastError')
  })

  it('bumps the revision only when the bundle changed', async () => {
    const { federations, store, clock } = await open()
    await federations.create(partner)
    await clock.advance(1)
    const revision = await store.revision()
    await clock.advance(600)
    expect(await store.revision()).toBe(revision)
  })

  it('joins attempts that overlap', async () => {
    const { federations, world, clock } = await open()
    await federations.create(partner)
    await clock.advance(1)
    const before = world.fetches.length
    const all = await Promise.all([1, 2, 3].map(() => federations.refresh('partner.example')))
    expect(world.fetches.length - before).toBe(1)
    expect(new Set(all).size).toBe(1)
  })

  it('ends the trust with the relationship, even while a fetch is under way', async () => {
    const { federations, world, clock, bundles } = await open()
    await federations.create(partner)
    await clock.advance(1)
    let release = () => {}
    world.hold = new Promise((resolve) => {
      release = resolve
    })
    const refreshing = federations.refresh('partner.example')
    await settle()
    await federations.delete('partner.example')
    release()
    await expectCode(refreshing, 'ERR_FEDERATION_NOT_FOUND')
    expect(await bundles.get('partner.example')).toBe(undefined)
    await clock.advance(10_000)
    expect(world.fetches).toHaveLength(2)
    expect(await federations.list()).toEqual([])
    await expectCode(federations.delete('partner.example'), 'ERR_FEDERATION_NOT_FOUND')
    await expectCode(federations.refresh('partner.example'), 'ERR_FEDERATION_NOT_FOUND')
  })

  it('goes on when the store failed once', async () => {
    const { federations, world, clock, log } = await open()
    await federations.create(partner)
    await clock.advance(1)
    world.answer = new TypeError('bug')
    await clock.advance(60)
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    world.answer = { keys: [], spiffe_sequence: 9 }
    await clock.advance(400)
    expect((await federations.list())[0]?.sequence).toBe(9)
  })

  it('gives one attempt ten seconds', async () => {
    const { federations, world, clock } = await open()
    await federations.create(partner)
    await clock.advance(1)
    world.hold = new Promise(() => {})
    const refreshing = federations.refresh('partner.example')
    await clock.advance(9)
    expect((await federations.list())[0]).not.toHaveProperty('lastError')
    await clock.advance(1)
    expect((await refreshing).lastError?.code).toBe('ERR_FEDERATION_TIMEOUT')
  })

  it('cancels what is under way when stopped', async () => {
    const { federations, world, clock } = await open()
    await federations.create(partner)
    await clock.advance(1)
    world.hold = new Promise(() => {})
    const refreshing = federations.refresh('partner.example')
    await settle()
    await federations.stop()
    expect(await refreshing).not.toHaveProperty('lastError')
    expect(clock.pendingTimers).toBe(0)
  })

  it('leaves no timer behind when stopped', async () => {
    const { federations, clock } = await open()
    await federations.create(partner)
    await clock.advance(1)
    await federations.stop()
    expect(clock.pendingTimers).toBe(0)
  })

  it('refuses relationships that are none', async () => {
    const { federations, clock } = await open()
    const create = (change: object) => federations.create({ ...partner, ...change })
    await expectCode(create({ trustDomain: 'example.org' }), 'ERR_FEDERATION_OWN_TRUST_DOMAIN')
    await expectCode(create({ trustDomain: 'Partner.example' }), 'ERR_FEDERATION_TRUST_DOMAIN')
    await expectCode(create({ trustDomain: 'spiffe://partner.example' }), 'ERR_FEDERATION_TRUST_DOMAIN')
    for (const bundleEndpointUrl of ['http://a.example', 'https://u:p@a.example', 'https://', 'https://a.example/#x']) {
      await expectCode(create({ bundleEndpointUrl }), 'ERR_FEDERATION_URL')
    }
    await expectCode(create({ webRoots: 'no certificate' }), 'ERR_FEDERATION_WEB_ROOTS')
    await expectCode(create({ webRoots: '' }), 'ERR_FEDERATION_WEB_ROOTS')
    const damaged = (await aRoot(clock)).replace('MII', 'MIJ')
    await expectCode(create({ webRoots: damaged }), 'ERR_FEDERATION_WEB_ROOTS')
    expect(await federations.list()).toEqual([])
    await create({})
    await expectCode(create({}), 'ERR_FEDERATION_EXISTS')
    await expectCode(federations.setBundle('example.org', { keys: [] }), 'ERR_FEDERATION_OWN_TRUST_DOMAIN')
  })
})
