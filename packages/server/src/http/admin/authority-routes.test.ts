import { X509Certificate } from 'node:crypto'
import { Agent } from 'node:https'
import { connect, type PeerCertificate } from 'node:tls'
import { decodeBase64, encodeBase64, verifyCertificateRequest } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { refusal } from '../../test-support/machine-requests.ts'
import { startTestServer, type TestServer } from '../../test-support/test-server.ts'
import { makeRoot, signCa } from '../../test-support/test-upstream.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const post = ({ admin }: TestServer, step: string, body: object) => admin(`/v1/authorities/${step}`, { body })
const list = async ({ admin }: TestServer) => (await admin('/v1/authorities')).body.authorities

/** The x509 authority that signed first, and the one that took over. */
async function replaceAuthority(test: TestServer) {
  const old = (await list(test)).find(
    ({ kind, state }: { kind: string; state: string }) => kind === 'x509' && state === 'active',
  )
  const { id } = (await post(test, 'prepare', { kind: 'x509' })).body
  expect(refusal(await post(test, 'activate', { id }))).toBe('409 ERR_AUTHORITY_NOT_DISTRIBUTED')
  expect((await post(test, 'activate', { id, force: true })).body).toMatchObject({ id, state: 'active' })
  return { old: old.id as string, id: id as string }
}

/** Serial number of who issued the certificate that a TLS listener shows. */
function issuerShown(url: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      const certificate = socket.getPeerCertificate() as PeerCertificate
      resolve(new X509Certificate(certificate.raw).issuer)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

describe('authorities', () => {
  it("go through their life at an operator's word", async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const { old } = await replaceAuthority(test)
    expect((await agent.call('/v1/agent/sync')).body).not.toHaveProperty('tainted')

    expect((await post(test, 'taint', { id: old })).body.taint).toMatchObject({ nodes: 1, waitingFor: [agent.agentId] })
    const { tainted, bundles } = (await agent.call('/v1/agent/sync')).body
    expect(tainted).toEqual([{ authorityId: old, key: expect.any(Object) }])
    expect(bundles[0].bundle.keys).toContainEqual(tainted[0].key)
    expect(refusal(await post(test, 'revoke', { id: old }))).toBe('409 ERR_AUTHORITY_STILL_USED')

    await agent.renew()
    const holding = [{ authorityId: old, credentials: 0 }]
    expect((await agent.call('/v1/agent/tainted', { body: { holding } })).status).toBe(204)
    expect((await post(test, 'revoke', { id: old })).body).toMatchObject({ id: old, state: 'revoked' })
    expect((await agent.call('/v1/agent/sync')).body).not.toHaveProperty('tainted')
    expect(await list(test)).toContainEqual(expect.objectContaining({ id: old, state: 'revoked' }))
  })

  it('are signed by hand: agents come and go by the chain from then on', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const { authority, csr } = (await post(test, 'request', {})).body
    const { publicKeySpki } = await verifyCertificateRequest(decodeBase64(csr), nodeCrypto)
    const company = makeRoot(test.clock)
    const root = encodeBase64(company.certificate)
    const chain = [encodeBase64(signCa(company, publicKeySpki, test.clock, 5000))]
    const { id } = authority
    expect(refusal(await post(test, 'import', { id, chain: ['AAAA'], root }))).toMatch(/^400 ERR_CERTIFICATE_/)
    expect(refusal(await post(test, 'import', { id, chain }))).toBe('400 ERR_AUTHORITY_NO_ROOT')
    expect(refusal(await post(test, 'import', { id, chain, root, more: 1 }))).toBe('400 ERR_HTTP_INVALID')
    expect(refusal(await post(test, 'import', { id, chain: [root], root }))).toBe('400 ERR_AUTHORITY_OTHER_KEY')
    const imported = await post(test, 'import', { id, chain, root })
    expect(imported.body).toMatchObject({
      id,
      state: 'prepared',
      root: { subject: expect.stringContaining('Company CA') },
    })
    await post(test, 'activate', { id, force: true })

    const { chain: own } = (await agent.renew()).body.credential
    expect(own.slice(1)).toEqual(chain)
    const sync = await agent.call('/v1/agent/sync')
    expect(sync.status).toBe(200)
    expect(sync.body.intermediates).toEqual(chain)
    expect(sync.body.bundles[0].bundle.keys).toContainEqual(expect.objectContaining({ x5c: [root] }))
    expect(await issuerShown(test.server.machineUrl)).not.toContain('Company CA')
    // What a new authority takes to be known.
    test.clock.jump(300)
    await test.clock.advance(30)
    await vi.waitFor(async () => expect(await issuerShown(test.server.machineUrl)).toContain('Company CA'))
  })

  it('tells every agent of a taint at once', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const { old } = await replaceAuthority(test)
    const events = await agent.events()
    await events.until(({ states }) => states.length === 1)
    await post(test, 'taint', { id: old })
    await test.clock.advance(1)
    await events.until(({ states }) => states.some(({ tainted }) => tainted?.length === 1))
  })

  it('end what they vouched for when they are revoked, on open connections too', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const { old } = await replaceAuthority(test)
    const connection = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false, ...agent.tls })
    onTestFinished(() => connection.destroy())
    expect((await agent.call('/v1/agent/sync', { agent: connection })).status).toBe(200)
    const events = await agent.events()
    await post(test, 'revoke', { id: old, force: true })
    expect(refusal(await agent.call('/v1/agent/sync', { agent: connection }))).toBe('403 ERR_NODE_CERTIFICATE')
    await events.until(({ isEnded }) => isEnded)
  })

  it("take the server's own identity along: when everyone can know the new one, or when nobody may believe the old one", async () => {
    const test = await startTestServer()
    const shown = () => issuerShown(test.server.machineUrl)
    const { old, id } = await replaceAuthority(test)
    await test.clock.advance(30)
    expect(await shown()).toContain(old)
    test.clock.jump(300)
    await test.clock.advance(30)
    await vi.waitFor(async () => expect(await shown()).toContain(id), 10_000)
    const third = await replaceAuthority(test)
    expect(await shown()).toContain(id)
    await post(test, 'revoke', { id: old, force: true })
    await post(test, 'revoke', { id, force: true })
    await test.clock.advance(1)
    await vi.waitFor(async () => expect(await shown()).toContain(third.id), 10_000)
  })

  it('refuse kinds and members that they do not have', async () => {
    const test = await startTestServer()
    expect(refusal(await post(test, 'prepare', { kind: 'ssh' }))).toBe('400 ERR_HTTP_INVALID')
    expect(refusal(await post(test, 'taint', { id: 'x509-0' }))).toBe('404 ERR_AUTHORITY_NOT_FOUND')
    expect(refusal(await post(test, 'revoke', { id: 'x509-0', now: true }))).toBe('400 ERR_HTTP_INVALID')
  })
})
