/** Administrators who come with a certificate, or over the socket. */

import { Socket } from 'node:net'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { AdminAuthentication } from '../../authorization/admin-authentication.ts'
import { TokenAuthentication } from '../../authorization/oidc/token-authentication.ts'
import { BundleStore } from '../../store/bundle-store.ts'
import { CertificateStore } from '../../store/certificate-store.ts'
import { CertificateMaker, realNow } from '../../test-support/certificate-maker.ts'
import { callHttps } from '../../test-support/http-call.ts'
import { refusal } from '../../test-support/machine-requests.ts'
import { RecordingLogger } from '../../test-support/recording-logger.ts'
import { temporaryStore } from '../../test-support/temporary-store.ts'
import { createAdministrator, grantRole } from '../../test-support/test-administrator.ts'
import { startTestServer } from '../../test-support/test-server.ts'

vi.setConfig({ testTimeout: 30_000 })

const start = (config: object = {}) => startTestServer({ clock: new FakeClock(realNow()), config })

/** Another trust domain, whose bundle the server has. */
async function federate(test: Awaited<ReturnType<typeof start>>, trustDomain: string, certified = trustDomain) {
  const maker = await CertificateMaker.create(certified)
  const key = { use: 'x509-svid', kty: 'EC', x5c: [Buffer.from(maker.root).toString('base64')] }
  expect((await test.admin(`/v1/bundles/${trustDomain}`, { method: 'PUT', body: { keys: [key] } })).status).toBe(200)
  return maker
}

describe('an administrator with a certificate', () => {
  it('may be a program of a trust domain that is federated with, by its exact name', async () => {
    const test = await start()
    const partner = await federate(test, 'partner.example')
    const ask = async (spiffeId: string, maker = partner) =>
      callHttps(`${test.server.machineUrl}/v1/status`, { ...(await maker.svid(spiffeId)) })
    await grantRole(test, { subject: { spiffeId: 'spiffe://partner.example/ci' }, role: 'viewer', prefix: '/' })
    expect((await ask('spiffe://partner.example/ci')).status).toBe(200)
    expect(refusal(await ask('spiffe://partner.example/ci/x'))).toBe('403 ERR_ADMIN_NO_ROLE')
    // The same path, or even the same name, by someone else's word.
    const own = await federate(test, 'own.example', 'example.org')
    expect(refusal(await ask('spiffe://example.org/ci', own))).toBe('403 ERR_ADMIN_CERTIFICATE')
    const other = await federate(test, 'other.example', 'partner.example')
    expect(refusal(await ask('spiffe://partner.example/ci', other))).toBe('403 ERR_ADMIN_CERTIFICATE')
    const unknown = await CertificateMaker.create('unknown.example')
    expect(refusal(await ask('spiffe://unknown.example/ci', unknown))).toBe('403 ERR_ADMIN_CERTIFICATE')
  })

  it('is no longer one when its trust domain is not federated with any more', async () => {
    const test = await start()
    const partner = await federate(test, 'partner.example')
    await grantRole(test, { subject: { spiffeId: 'spiffe://partner.example/ci' }, role: 'viewer', prefix: '/' })
    const tls = await partner.svid('spiffe://partner.example/ci')
    expect((await callHttps(`${test.server.machineUrl}/v1/status`, { ...tls })).status).toBe(200)
    await test.admin('/v1/bundles/partner.example', { method: 'PUT', body: { keys: [] } })
    expect(refusal(await callHttps(`${test.server.machineUrl}/v1/status`, { ...tls }))).toBe(
      '403 ERR_ADMIN_CERTIFICATE',
    )
  })

  it('is nobody when the certificate has expired', async () => {
    const test = await start()
    const agent = await test.attestedAgent()
    const viewer = await createAdministrator(test, agent, '/viewer', { role: 'viewer', prefix: '/' })
    expect((await viewer.call('/v1/status')).status).toBe(200)
    test.clock.jump(3601)
    expect(refusal(await viewer.call('/v1/status'))).toBe('403 ERR_ADMIN_CERTIFICATE')
  })

  it('is no agent: nodes administer nothing', async () => {
    const test = await start()
    const agent = await test.attestedAgent()
    expect(refusal(await agent.call('/v1/entries'))).toBe('403 ERR_ADMIN_NO_ROLE')
  })

  it('is no node: what agents ask is not answered to it', async () => {
    const test = await start()
    const agent = await test.attestedAgent()
    const admin = await createAdministrator(test, agent, '/root', { role: 'admin', prefix: '/' })
    expect(refusal(await admin.call('/v1/agent/sync'))).toBe('403 ERR_NODE_CERTIFICATE')
    for (const path of ['/v1/%61gent/sync', '/v1/./agent/sync', '/v1/entries/../agent/sync']) {
      expect((await admin.call(path)).status).not.toBe(200)
    }
    for (const path of ['/v1/entries/..%2f..%2fv1/status', '/v1//entries', '/v1/entries%2fbatch', '/V1/entries']) {
      expect((await callHttps(`${test.server.machineUrl}${path}`)).status).toBe(403)
    }
  })

  it('is asked in vain where the network is not for administration', async () => {
    const test = await start({ admin: { remote: false } })
    const agent = await test.attestedAgent()
    const admin = await createAdministrator(test, agent, '/root', { role: 'admin', prefix: '/' })
    expect(refusal(await admin.call('/v1/entries'))).toBe('403 ERR_NODE_CERTIFICATE')
    expect((await test.admin('/v1/entries')).status).toBe(200)
  })
})

describe('a user on the socket', () => {
  async function openAuthentication(uidOf: () => number | undefined) {
    const { store, clock } = await temporaryStore()
    return new AdminAuthentication({
      bundles: new BundleStore(store),
      certificates: new CertificateStore(store),
      tokens: new TokenAuthentication({ issuers: [], fetch: async () => ({}), clock, log: new RecordingLogger() }),
      clock,
      crypto: nodeCrypto,
      trustDomain: 'example.org',
      uidOf,
      ownUid: 500,
    })
  }

  it.each([
    [0, true],
    [500, true],
    [501, false],
  ])('with uid %i owns the server: %s', async (uid, isOwner) => {
    const authentication = await openAuthentication(() => uid)
    // A token means nothing here: the kernel has said who it is.
    expect(await authentication.authenticate(new Socket(), 'Bearer a.b.c')).toEqual({
      name: `uid:${uid}`,
      subjects: [{ uid }],
      isOwner,
    })
  })

  it('whom the kernel does not name is refused', async () => {
    const authentication = await openAuthentication(() => undefined)
    await expect(authentication.authenticate(new Socket(), undefined)).rejects.toMatchObject({ code: 'ERR_ADMIN_PEER' })
  })
})
