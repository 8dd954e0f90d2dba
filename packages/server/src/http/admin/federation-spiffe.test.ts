/** Two servers federated by https_spiffe. */
import { connect, type TLSSocket } from 'node:tls'
import { parseCertificate, parseSpiffeBundle } from '@countersign/protocol'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { callHttps } from '../../test-support/http-call.ts'
import { refusal } from '../../test-support/machine-requests.ts'
import { startTestServer } from '../../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const ENDPOINT_ID = 'spiffe://partner.example/countersign/server'
const config = {
  trustDomain: 'partner.example',
  bundle: { refreshHint: 2, spiffeEndpoint: { host: '127.0.0.1', port: 0 } },
  authorities: { x509Ttl: 200 },
}

async function startPair() {
  const ours = await startTestServer()
  const theirs = await startTestServer({ config })
  const { bundle } = (await theirs.admin('/v1/bundles/partner.example')).body
  const endpoint = {
    bundleEndpointUrl: `${theirs.server.spiffeBundleUrl}/bundle`,
    profile: 'https_spiffe',
    endpointSpiffeId: ENDPOINT_ID,
    allowedAddresses: ['127.0.0.1'],
  }
  const refresh = async () => (await ours.admin('/v1/federations/partner.example/refresh', { method: 'POST' })).body
  return { ours, theirs, bundle, endpoint, federation: { trustDomain: 'partner.example', ...endpoint }, refresh }
}

describe('federation by https_spiffe', () => {
  it('fetches from an endpoint that the given bundle vouches for', async () => {
    const { ours, bundle, federation, refresh } = await startPair()
    const created = await ours.admin('/v1/federations', { body: { ...federation, bundle } })
    expect([created.status, created.body]).toEqual([201, expect.objectContaining(federation)])
    expect(await refresh()).toMatchObject({
      ...federation,
      lastRefreshAt: ours.clock.now(),
      sequence: bundle.spiffe_sequence,
    })
    const shown = (await ours.admin('/v1/federations/partner.example')).body
    expect(shown).toMatchObject({ ...federation, nextRefreshAt: expect.any(Number) })
    expect(shown).not.toHaveProperty('lastError')
  })

  it('refuses an endpoint that shows another identity, and takes a correction at once', async () => {
    const { ours, bundle, federation, endpoint, refresh } = await startPair()
    const endpointSpiffeId = 'spiffe://partner.example/spire/server'
    await ours.admin('/v1/federations', { body: { ...federation, endpointSpiffeId, bundle } })
    expect((await refresh()).lastError).toMatchObject({ code: 'ERR_FEDERATION_IDENTITY' })
    const path = '/v1/federations/partner.example'
    expect((await ours.admin(path, { method: 'PUT', body: endpoint })).body).toMatchObject(endpoint)
    expect(await refresh()).not.toHaveProperty('lastError')
    expect(refusal(await ours.admin('/v1/federations/absent.example'))).toBe('404 ERR_FEDERATION_NOT_FOUND')
    const absent = await ours.admin('/v1/federations/absent.example', { method: 'PUT', body: endpoint })
    expect(refusal(absent)).toBe('404 ERR_FEDERATION_NOT_FOUND')
  })

  it('fetches from no private address that was not allowed', async () => {
    const { ours, bundle, federation, refresh } = await startPair()
    const { allowedAddresses: _, ...unallowed } = federation
    await ours.admin('/v1/federations', { body: { ...unallowed, bundle } })
    expect((await refresh()).lastError).toMatchObject({ code: 'ERR_FEDERATION_ADDRESS', detail: '127.0.0.1' })
  })

  it('follows the endpoint through a rotation of the authority that it was first believed by', async () => {
    const { ours, theirs, bundle, federation, refresh } = await startPair()
    await ours.admin('/v1/federations', { body: { ...federation, bundle } })
    await refresh()
    // A whole lifetime and some, so that the first authority is gone for good.
    for (let step = 0; step < 12; step++) {
      await Promise.all([theirs.clock.advance(20), ours.clock.advance(20)])
      expect(await refresh()).not.toHaveProperty('lastError')
    }
    const now = (await ours.admin('/v1/bundles/partner.example')).body.bundle
    const rootsOf = (document: unknown) =>
      parseSpiffeBundle('partner.example', document).x509Authorities.map((root) => Buffer.from(root).toString('hex'))
    expect(rootsOf(now)).not.toContain(rootsOf(bundle)[0])
    expect(rootsOf(now)).not.toEqual([])
  })
})

describe('bundle endpoint of profile https_spiffe', () => {
  it('shows the own X509-SVID, asks nobody for a certificate, and serves nothing else', async () => {
    const { server, admin } = await startTestServer({ config })
    const url = String(server.spiffeBundleUrl)
    const peer = await peerCertificate(Number(new URL(url).port))
    expect(parseCertificate(peer).uriSans).toEqual([ENDPOINT_ID])
    const bundle = await callHttps(`${url}/bundle`)
    expect(bundle.headers['content-type']).toMatch(/^application\/json/)
    expect(bundle.body).toEqual((await admin('/v1/bundles/partner.example')).body.bundle)
    expect((await admin('/v1/status')).body.listeners.spiffeBundle).toBe(url)
    expect(refusal(await callHttps(`${url}/v1/entries`))).toBe('404 ERR_HTTP_NOT_FOUND')
    expect(refusal(await callHttps(`${url}/v1/agent/sync`))).toBe('404 ERR_HTTP_NOT_FOUND')
  })

  it('is not there unless configured', async () => {
    const { server, admin } = await startTestServer({ clock: new FakeClock() })
    expect(server.spiffeBundleUrl).toBe(undefined)
    expect((await admin('/v1/status')).body.listeners).not.toHaveProperty('spiffeBundle')
  })
})

function peerCertificate(port: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.raw ?? new Uint8Array())
      socket.destroy()
    })
    socket.once('error', reject)
  })
}
