/** Relationships that change while the server runs, and what their status says. */
import type { FederationChange } from '@countersign/api'
import { expectCode, settle } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { anAuthority, openFederations, partner, unreachable } from '../test-support/federation-world.ts'

const { trustDomain, ...endpoint } = partner
const moved = { ...endpoint, bundleEndpointUrl: 'https://moved.example/bundle' }
const ENDPOINT_ID = 'spiffe://partner.example/bundle-endpoint'

describe('Federations.update', () => {
  it('fetches from the new endpoint at once and keeps the bundle until then', async () => {
    const { federations, world, clock, bundles, log } = await openFederations()
    await federations.create(partner)
    await clock.advance(1)
    const before = await bundles.get(trustDomain)
    const updated = await federations.update(trustDomain, moved)
    expect(updated).toMatchObject({ ...moved, trustDomain, nextRefreshAt: clock.now() })
    expect(await bundles.get(trustDomain)).toEqual(before)
    await clock.advance(0)
    expect(world.fetches.map(({ source }) => source.url)).toEqual([partner.bundleEndpointUrl, moved.bundleEndpointUrl])
    await clock.advance(60)
    expect(world.fetches.at(-1)?.source.url).toBe(moved.bundleEndpointUrl)
    expect(log.events('federation.updated')).toMatchObject([
      { trustDomain, bundleEndpointUrl: moved.bundleEndpointUrl },
    ])
  })

  it('takes nothing any more from the former endpoint, even at the same URL', async () => {
    const { federations, world, clock, bundles } = await openFederations()
    let answer = () => {}
    world.ignoreAbort = new Promise((resolve) => {
      answer = resolve
    })
    world.answer = { keys: [], spiffe_sequence: 99 }
    await federations.create(partner)
    await clock.advance(1)
    world.ignoreAbort = undefined
    world.answer = unreachable()
    const change: FederationChange = { ...endpoint, profile: 'https_spiffe', endpointSpiffeId: ENDPOINT_ID }
    await federations.update(trustDomain, { ...change, bundle: { keys: [], spiffe_sequence: 1 } })
    expect(world.signals[0]?.aborted).toBe(true)
    answer()
    await clock.advance(1)
    expect((await bundles.get(trustDomain))?.bundle.spiffe_sequence).toBe(1)
  })

  it('takes nothing from the former endpoint that is only waiting to be stored', async () => {
    const { federations, store, world, clock, bundles } = await openFederations()
    await federations.create(partner)
    await clock.advance(1)
    const [fetched, written] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    world.ignoreAbort = fetched.promise
    world.answer = { keys: [], spiffe_sequence: 99 }
    const refreshing = federations.refresh(trustDomain)
    await settle()
    const busy = store.change(() => written.promise)
    await settle()
    fetched.resolve()
    await settle()
    world.answer = unreachable()
    const updating = federations.update(trustDomain, endpoint)
    written.resolve()
    await Promise.all([busy, updating, refreshing])
    expect((await bundles.get(trustDomain))?.bundle.spiffe_sequence).toBe(1)
    expect(await federations.get(trustDomain)).not.toHaveProperty('lastError')
  })

  it('passes on the addresses that are allowed now', async () => {
    const { federations, world, clock } = await openFederations()
    await federations.create({ ...partner, allowedAddresses: ['10.0.0.0/8'] })
    await clock.advance(1)
    await federations.update(trustDomain, endpoint)
    await clock.advance(1)
    expect(world.fetches.map(({ source }) => source.addresses.allows('10.0.0.1'))).toEqual([true, false])
  })

  it('goes on as before when the change is refused', async () => {
    const { federations, world, clock } = await openFederations()
    await federations.create(partner)
    await clock.advance(1)
    await expectCode(federations.update(trustDomain, { ...endpoint, webRoots: 'none' }), 'ERR_FEDERATION_WEB_ROOTS')
    await expectCode(federations.update('absent.example', endpoint), 'ERR_FEDERATION_NOT_FOUND')
    await clock.advance(60)
    expect(world.fetches).toHaveLength(2)
  })
})

describe('what a relationship must be', () => {
  it.each([
    ['ERR_FEDERATION_PROFILE', { profile: 'https_spiffe' }],
    ['ERR_FEDERATION_PROFILE', { endpointSpiffeId: ENDPOINT_ID }],
    ['ERR_FEDERATION_PROFILE', { profile: 'https_spiffe', endpointSpiffeId: ENDPOINT_ID, webRoots: 'any' }],
    ['ERR_FEDERATION_ENDPOINT_ID', { profile: 'https_spiffe', endpointSpiffeId: 'spiffe://partner.example' }],
    ['ERR_FEDERATION_ENDPOINT_ID', { profile: 'https_spiffe', endpointSpiffeId: 'wimse://partner.example/a' }],
    ['ERR_FEDERATION_ENDPOINT_ID', { profile: 'https_spiffe', endpointSpiffeId: 'https://partner.example/a' }],
    ['ERR_FEDERATION_ALLOWED_ADDRESS', { allowedAddresses: ['10.0.0.0/8', 'localhost'] }],
    ['ERR_FEDERATION_URL', { bundleEndpointUrl: 'https://:@partner.example/' }],
    ['ERR_FEDERATION_URL', { bundleEndpointUrl: 'https:partner.example' }],
    ['ERR_FEDERATION_URL', { bundleEndpointUrl: 'https://partner.example\\@other.example/' }],
    ['ERR_FEDERATION_URL', { bundleEndpointUrl: 'https://partner.example/\n' }],
    ['ERR_FEDERATION_URL', { bundleEndpointUrl: 'https://partner.example:99999/' }],
    ['ERR_FEDERATION_URL', { bundleEndpointUrl: 'https://:p@partner.example/' }],
    ['ERR_FEDERATION_BUNDLE', { bundle: { keys: [{ kty: 'EC', use: 'sig' }] } }],
  ])('%s for %j', async (code, change) => {
    const { federations } = await openFederations()
    await expectCode(federations.create({ ...partner, ...change } as typeof partner), code)
    expect(await federations.list()).toEqual([])
    await federations.create(partner)
    await expectCode(federations.update(trustDomain, { ...endpoint, ...change } as typeof endpoint), code)
    expect(await federations.get(trustDomain)).toMatchObject(partner)
  })
})

describe('status', () => {
  it('says when the next attempt is, and why the last one failed', async () => {
    const { federations, world, clock, log } = await openFederations()
    await federations.create(partner)
    await clock.advance(1)
    const start = clock.now()
    expect(await federations.get(trustDomain)).toMatchObject({ lastRefreshAt: start - 1, nextRefreshAt: start + 59 })
    world.answer = Object.assign(unreachable(), { detail: 'ECONNREFUSED' })
    await clock.advance(59)
    expect(await federations.get(trustDomain)).toMatchObject({
      lastRefreshAt: start - 1,
      nextRefreshAt: start + 59 + 60,
      lastError: { code: 'ERR_FEDERATION_UNREACHABLE', detail: 'ECONNREFUSED', at: start + 59 },
    })
    expect(log.events('bundle.refused')).toMatchObject([{ trustDomain, code: 'ERR_FEDERATION_UNREACHABLE' }])
    expect(log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields)).toMatchObject([
      { trustDomain, code: 'ERR_FEDERATION_UNREACHABLE', detail: 'ECONNREFUSED' },
    ])
  })

  it('has no next attempt while one is under way', async () => {
    const { federations, world, clock } = await openFederations()
    world.hold = new Promise(() => {})
    await federations.create(partner)
    await clock.advance(1)
    expect(await federations.get(trustDomain)).not.toHaveProperty('nextRefreshAt')
  })

  it.each([
    [0, [0, 54]],
    [0.5, [0, 60]],
    [0.999_999, [0, 66]],
  ])('spreads attempts by the given randomness, after a restart too: %d', async (random, expected) => {
    const { federations, world, clock, create } = await openFederations({ random: () => random })
    await federations.create(partner)
    await clock.advance(1)
    await federations.stop()
    const start = clock.now()
    await create().start()
    await clock.advance(70)
    expect(world.fetches.slice(1).map(({ at }) => at - start)).toEqual(expected)
  })
})

describe('sequence', () => {
  it('takes other keys under the same sequence: some publishers never count', async () => {
    const { federations, world, clock, bundles } = await openFederations()
    world.answer = { keys: [await anAuthority(clock)], spiffe_sequence: 1 }
    await federations.create(partner)
    await clock.advance(1)
    world.answer = { keys: [await anAuthority(clock)], spiffe_sequence: 1 }
    expect(await federations.refresh(trustDomain)).not.toHaveProperty('lastError')
    expect((await bundles.get(trustDomain))?.bundle.keys).toMatchObject(world.answer.keys)
  })
})
