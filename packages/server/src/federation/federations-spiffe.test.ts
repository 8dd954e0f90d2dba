/** Which bundle vouches for an `https_spiffe` endpoint: always one of the endpoint's own trust domain, the latest known. */
import { decodeBase64 } from '@countersign/protocol'
import { describe, expect, it } from 'vitest'
import { anAuthority, openFederations, partner } from '../test-support/federation-world.ts'
import type { SpiffeAuthentication } from './endpoint-authentication.ts'
import type { BundleSource } from './fetch-bundle.ts'

const spiffe = {
  ...partner,
  profile: 'https_spiffe',
  endpointSpiffeId: 'spiffe://partner.example/bundle-endpoint',
} as const
const elsewhere = { ...spiffe, endpointSpiffeId: 'spiffe://hub.example/bundle-endpoint' } as const

/** `x5c` of the roots that a fetch was to verify the endpoint with. */
const rootsOf = (source: BundleSource | undefined) =>
  (source?.authentication as SpiffeAuthentication | undefined)?.roots
const rootOf = ({ x5c: [root = ''] }: { x5c: string[] }) => decodeBase64(root)

describe('self-serving endpoint', () => {
  it('is verified with the given bundle first, and with what was fetched last from then on', async () => {
    const { federations, world, clock } = await openFederations()
    const [given, next] = [await anAuthority(clock), await anAuthority(clock)]
    world.answer = { keys: [given, next], spiffe_sequence: 2, spiffe_refresh_hint: 60 }
    await federations.create({ ...spiffe, bundle: { keys: [given], spiffe_sequence: 1 } })
    await clock.advance(1)
    world.answer = { keys: [next], spiffe_sequence: 3, spiffe_refresh_hint: 60 }
    await clock.advance(60)
    await clock.advance(60)
    expect(world.fetches.map(({ source }) => rootsOf(source))).toEqual([
      [rootOf(given)],
      [rootOf(given), rootOf(next)],
      [rootOf(next)],
    ])
    expect(world.fetches[0]?.source.authentication).toMatchObject({
      profile: 'https_spiffe',
      endpointId: { path: '/bundle-endpoint' },
    })
  })

  it('judges by the time of the attempt', async () => {
    const { federations, world, clock } = await openFederations()
    await federations.create({ ...spiffe, bundle: { keys: [], spiffe_refresh_hint: 60 } })
    const start = clock.now()
    await clock.advance(60)
    const times = world.fetches.map(({ source }) => (source.authentication as SpiffeAuthentication).now - start)
    expect(times).toEqual([0, 60])
  })

  it('is not asked before there is a bundle, and at once when there is', async () => {
    const { federations, world, clock } = await openFederations()
    await federations.create(spiffe)
    await clock.advance(1)
    expect(world.fetches).toEqual([])
    expect((await federations.get('partner.example')).lastError?.code).toBe('ERR_FEDERATION_NO_BUNDLE')
    await federations.setBundle('partner.example', { keys: [await anAuthority(clock)] })
    await clock.advance(0)
    expect(world.fetches).toHaveLength(1)
    expect(await federations.get('partner.example')).not.toHaveProperty('lastError')
  })

  it('believes the operator over what is stored, whatever its sequence', async () => {
    const { federations, world, clock } = await openFederations()
    const [old, renewed] = [await anAuthority(clock), await anAuthority(clock)]
    world.answer = { keys: [old], spiffe_sequence: 50 }
    await federations.create({ ...spiffe, bundle: { keys: [old] } })
    await clock.advance(1)
    world.answer = { keys: [renewed], spiffe_sequence: 3 }
    await federations.setBundle('partner.example', { keys: [renewed], spiffe_sequence: 2 })
    await clock.advance(1)
    expect(rootsOf(world.fetches[1]?.source)).toEqual([rootOf(renewed)])
    expect(await federations.get('partner.example')).toMatchObject({ sequence: 3 })
  })

  it('forgets what a bundle vouched for that the operator replaced meanwhile', async () => {
    const { federations, world, clock, bundles } = await openFederations()
    let answer = () => {}
    world.ignoreAbort = new Promise((resolve) => {
      answer = resolve
    })
    world.answer = { keys: [await anAuthority(clock)], spiffe_sequence: 99 }
    await federations.create({ ...spiffe, bundle: { keys: [await anAuthority(clock)] } })
    await clock.advance(1)
    world.ignoreAbort = undefined
    world.answer = { keys: [], spiffe_sequence: 8 }
    await federations.setBundle('partner.example', { keys: [], spiffe_sequence: 7 })
    answer()
    await clock.advance(1)
    expect((await bundles.get('partner.example'))?.bundle.spiffe_sequence).toBe(8)
  })
})

describe('endpoint of another domain', () => {
  it('is verified with that domain’s bundle alone', async () => {
    const { federations, world, clock } = await openFederations()
    const [hub, own] = [await anAuthority(clock), await anAuthority(clock)]
    await federations.setBundle('hub.example', { keys: [hub] })
    await federations.create({ ...elsewhere, bundle: { keys: [own] } })
    await clock.advance(1)
    expect(rootsOf(world.fetches[0]?.source)).toEqual([rootOf(hub)])
  })

  it('is not verified with the bundle that it serves', async () => {
    const { federations, world, clock } = await openFederations()
    await federations.create({ ...elsewhere, bundle: { keys: [await anAuthority(clock)] } })
    await clock.advance(1)
    expect(world.fetches).toEqual([])
    expect((await federations.get('partner.example')).lastError?.code).toBe('ERR_FEDERATION_NO_BUNDLE')
    await federations.setBundle('hub.example', { keys: [await anAuthority(clock)] })
    await clock.advance(0)
    expect(world.fetches).toHaveLength(1)
  })
})
