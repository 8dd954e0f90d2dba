import { FakeClock } from '@countersign/testing'
import { expect, it, vi } from 'vitest'
import { startTestServer } from '../../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

/** Certificates of both sides are checked by one time. */
const clock = () => new FakeClock(Math.floor(Date.now() / 1000))
const spiffeEndpoint = { host: '127.0.0.1', port: 0 }

async function startPair() {
  const ours = await startTestServer({ clock: clock() })
  const theirs = await startTestServer({
    clock: clock(),
    config: { trustDomain: 'partner.example', bundle: { spiffeEndpoint } },
  })
  const { bundle } = (await theirs.admin('/v1/bundles/partner.example')).body
  const federation = {
    trustDomain: 'partner.example',
    bundleEndpointUrl: `${theirs.server.spiffeBundleUrl}/bundle`,
    profile: 'https_spiffe',
    endpointSpiffeId: 'spiffe://partner.example/countersign/server',
    allowedAddresses: ['127.0.0.1'],
  }
  return { ours, theirs, bundle, federation }
}

it('fetches from an endpoint that the given bundle vouches for', async () => {
  const { ours, bundle, federation } = await startPair()
  expect((await ours.admin('/v1/federations', { body: { ...federation, bundle } })).status).toBe(201)
  const { body } = await ours.admin('/v1/federations/partner.example/refresh', { method: 'POST' })
  expect(body).toMatchObject({ ...federation, lastRefreshAt: ours.clock.now() })
  expect(body).not.toHaveProperty('lastError')
})
