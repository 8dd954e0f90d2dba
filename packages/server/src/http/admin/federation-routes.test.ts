import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { createEntry, refusal } from '../../test-support/machine-requests.ts'
import { startTestServer } from '../../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

/** TLS to a bundle endpoint is checked by the machine's own clock. */
const realClock = () => new FakeClock(Math.floor(Date.now() / 1000))

async function startPair() {
  const ours = await startTestServer({ clock: realClock() })
  const theirs = await startTestServer({ clock: realClock(), config: { trustDomain: 'partner.example' } })
  const federation = {
    trustDomain: 'partner.example',
    bundleEndpointUrl: `${theirs.server.publicUrl}/bundle`,
    profile: 'https_web',
    allowedAddresses: ['127.0.0.1'],
    webRoots: await readFile(join(theirs.dataDir, 'public-root.pem'), 'utf8'),
  }
  return { ours, theirs, federation }
}

describe('federation of two servers', () => {
  it('brings the bundle of one to the agents of the other', async () => {
    const { ours, theirs, federation } = await startPair()
    const agent = await ours.attestedAgent()
    await createEntry(ours, agent, { federatesWith: ['partner.example'] })
    const events = await agent.events()
    await events.until(({ states }) => states.length === 1)

    const created = await ours.admin('/v1/federations', { body: federation })
    expect(created.status).toBe(201)
    expect(created.body).toEqual({ ...federation, nextRefreshAt: ours.clock.now() })
    const refreshed = await ours.admin('/v1/federations/partner.example/refresh', { method: 'POST' })
    expect(refreshed.body).toMatchObject({ lastRefreshAt: ours.clock.now(), sequence: expect.any(Number) })
    await ours.clock.advance(1)
    await events.until(({ states }) => states.length === 2)
    const { bundle } = (await theirs.admin('/v1/bundles/partner.example')).body
    expect(events.states[1]?.bundles[1]).toEqual({ trustDomain: 'partner.example', bundle })
    expect(refusal(await ours.admin('/v1/federations', { body: federation }))).toBe('409 ERR_FEDERATION_EXISTS')

    expect((await ours.admin('/v1/federations/partner.example', { method: 'DELETE' })).status).toBe(204)
    await ours.clock.advance(1)
    await events.until(({ states }) => states.length === 3)
    expect(events.states[2]?.bundles).toHaveLength(1)
    expect((await ours.admin('/v1/federations')).body).toEqual({ federations: [] })
  })

  it('tells why a bundle could not be fetched, and blocks nothing', async () => {
    const { ours, theirs, federation } = await startPair()
    await theirs.server.stop()
    await ours.admin('/v1/federations', { body: federation })
    const { status, body } = await ours.admin('/v1/federations/partner.example/refresh', { method: 'POST' })
    expect([status, body.lastError.code]).toEqual([200, 'ERR_FEDERATION_UNREACHABLE'])
    const agent = await ours.attestedAgent()
    await createEntry(ours, agent, { federatesWith: ['partner.example'] })
    expect((await agent.call('/v1/agent/sync')).body.bundles).toHaveLength(1)
  })

  it('does not take an endpoint that the given roots do not vouch for', async () => {
    const { ours, federation } = await startPair()
    const webRoots = await readFile(join(ours.dataDir, 'public-root.pem'), 'utf8')
    await ours.admin('/v1/federations', { body: { ...federation, webRoots } })
    const { body } = await ours.admin('/v1/federations/partner.example/refresh', { method: 'POST' })
    expect(body.lastError.code).toBe('ERR_FEDERATION_CERTIFICATE')
    expect(refusal(await ours.admin('/v1/bundles/partner.example'))).toBe('404 ERR_FEDERATION_NOT_FOUND')
  })

  it('refuses relationships that are none', async () => {
    const { ours, federation } = await startPair()
    const post = async (change: object) =>
      refusal(await ours.admin('/v1/federations', { body: { ...federation, ...change } }))
    expect(await post({ trustDomain: 'example.org' })).toBe('400 ERR_FEDERATION_OWN_TRUST_DOMAIN')
    expect(await post({ bundleEndpointUrl: 'http://a.example' })).toBe('400 ERR_HTTP_INVALID')
    expect(await post({ profile: 'https_other' })).toBe('400 ERR_HTTP_INVALID')
    expect(await post({ profile: 'https_spiffe' })).toBe('400 ERR_FEDERATION_PROFILE')
    expect(await post({ webRoots: 'none' })).toBe('400 ERR_FEDERATION_WEB_ROOTS')
    const refresh = await ours.admin('/v1/federations/absent.example/refresh', { method: 'POST' })
    expect(refusal(refresh)).toBe('404 ERR_FEDERATION_NOT_FOUND')
  })
})
