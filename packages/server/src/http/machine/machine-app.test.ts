import { Agent } from 'node:https'
import { connect as connectTls } from 'node:tls'
import {
  buildCaCertificate,
  decodeBase64,
  encodePem,
  issueX509Svid,
  randomSerial,
  WorkloadId,
} from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { callHttps } from '../../test-support/http-call.ts'
import { createEntry, newKey, refusal } from '../../test-support/machine-requests.ts'
import { TestAgent } from '../../test-support/test-agent.ts'
import { startTestServer, type TestServer } from '../../test-support/test-server.ts'
import { encodeKeyPem } from '../../tls/tls-credential.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

describe('machine listener', () => {
  const sync = (test: TestServer, tls: object = {}) => callHttps(`${test.server.machineUrl}/v1/agent/sync`, tls)

  it.each([
    ['GET', '/v1/agent/sync'],
    ['GET', '/v1/agent/events'],
    ['POST', '/v1/agent/renew'],
    ['POST', '/v1/agent/x509-svids'],
    ['POST', '/v1/agent/jwt-svids'],
    ['POST', '/v1/agent/wit-svids'],
    ['POST', '/v1/agent/tainted'],
    ['POST', '/v1/downstream/ca'],
    ['GET', '/v1/downstream/bundle'],
    ['PUT', '/v1/downstream/keys'],
    ['DELETE', '/v1/downstream/keys'],
    ['GET', '/v1/openapi.json'],
    ['DELETE', '/v1/agent/sync'],
    ['GET', '/v1/unknown'],
  ])('refuses %s %s without a certificate', async (method, path) => {
    const { server } = await startTestServer()
    const reply = await callHttps(`${server.machineUrl}${path}`, { method })
    expect(refusal(reply)).toBe('403 ERR_NODE_NO_CERTIFICATE')
    expect(reply.headers['content-type']).toBe('application/problem+json')
  })

  it('refuses certificates of workloads, of the server and of other authorities', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent('/node-1')
    const entry = await createEntry(test, agent)
    const key = generateSigningKey('ES256')
    const body = { requests: [{ entryId: entry.id, publicKey: key.publicJwk }] }
    const { svids } = (await agent.call('/v1/agent/x509-svids', { body })).body
    const workload = {
      key: encodeKeyPem(key.exportPkcs8()),
      cert: encodePem(svids[0].credential.chain.map(decodeBase64)),
    }
    expect(refusal(await sync(test, workload))).toBe('403 ERR_NODE_CERTIFICATE')
    const foreign = await foreignCredential(agent.agentId, test.clock.now())
    expect(refusal(await sync(test, foreign))).toBe('403 ERR_NODE_CERTIFICATE')
    const other = await foreignCredential('spiffe://other.org/countersign/agent/node-1', test.clock.now())
    expect(refusal(await sync(test, other))).toBe('403 ERR_NODE_CERTIFICATE')
  })

  it('refuses banned and evicted agents at once', async () => {
    const test = await startTestServer()
    const banned = await test.attestedAgent('/banned')
    expect((await banned.call('/v1/agent/sync')).status).toBe(200)
    await test.admin('/v1/nodes/ban', { body: { agentId: banned.agentId } })
    expect(refusal(await banned.call('/v1/agent/sync'))).toBe('403 ERR_NODE_BANNED')
    expect(refusal(await banned.renew())).toBe('403 ERR_NODE_BANNED')
    const { body } = await test.admin('/v1/join-tokens', { body: { agentPath: '/banned' } })
    expect(refusal(await new TestAgent(test.server.machineUrl).attest(body.token))).toBe('403 ERR_NODE_BANNED')

    const evicted = await test.attestedAgent('/evicted')
    await test.admin('/v1/nodes/evict', { body: { agentId: evicted.agentId } })
    expect(refusal(await evicted.call('/v1/agent/sync'))).toBe('403 ERR_NODE_UNKNOWN')
    const back = await test.attestedAgent('/evicted')
    expect((await back.call('/v1/agent/sync')).status).toBe(200)
    expect(refusal(await evicted.call('/v1/agent/sync'))).toBe('403 ERR_NODE_UNKNOWN')
  })

  it('ends the stream of an agent that is banned, issues nothing more to it, and says so in the audit log', async () => {
    const test = await startTestServer()
    const banned = await test.attestedAgent('/banned')
    const { id: entryId } = await createEntry(test, banned)
    const stream = await banned.events()
    await stream.until(({ states }) => states.length > 0)
    const requests = [{ entryId, publicKey: newKey() }]
    const issue = async () =>
      Promise.all([
        banned.call('/v1/agent/x509-svids', { body: { requests } }),
        banned.call('/v1/agent/wit-svids', { body: { requests } }),
        banned.call('/v1/agent/jwt-svids', { body: { entryId, audience: ['a'] } }),
      ])
    expect((await issue()).map(({ status }) => status)).toEqual([200, 200, 200])
    const issued = test.log.events('credential.issued').length
    await test.admin('/v1/nodes/ban', { body: { agentId: banned.agentId } })
    await stream.ended()
    expect((await issue()).map(refusal)).toEqual(Array(3).fill('403 ERR_NODE_BANNED'))
    expect(test.log.events('credential.issued')).toHaveLength(issued)
    expect(test.log.events('node.refused')).toEqual(
      Array(3).fill(expect.objectContaining({ agentId: banned.agentId, code: 'ERR_NODE_BANNED' })),
    )
    expect(test.log.events('admin.called').at(-1)).toMatchObject({
      action: 'node.ban',
      resource: banned.agentId,
      decision: 'allowed',
    })
  })

  it('asks again for every request on a connection that stays open', async () => {
    const test = await startTestServer()
    const connection = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => connection.destroy())
    const banned = await test.attestedAgent('/banned')
    expect((await banned.call('/v1/agent/sync', { agent: connection })).status).toBe(200)
    const [socket] = Object.values(connection.freeSockets).flat()
    await test.admin('/v1/nodes/ban', { body: { agentId: banned.agentId } })
    expect(refusal(await banned.call('/v1/agent/sync', { agent: connection }))).toBe('403 ERR_NODE_BANNED')
    await test.admin('/v1/nodes/evict', { body: { agentId: banned.agentId } })
    expect(refusal(await banned.call('/v1/agent/sync', { agent: connection }))).toBe('403 ERR_NODE_UNKNOWN')
    test.clock.jump(3601)
    expect(refusal(await banned.call('/v1/agent/sync', { agent: connection }))).toBe('403 ERR_NODE_CERTIFICATE')
    expect(Object.values(connection.freeSockets).flat()).toEqual([socket])
  })

  it('refuses an agent whose certificate has expired', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    test.clock.jump(3601)
    expect(refusal(await agent.call('/v1/agent/sync'))).toBe('403 ERR_NODE_CERTIFICATE')
  })

  it('lets an agent renew again when the answer was lost', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    expect((await agent.renew(true)).status).toBe(200)
    expect((await agent.renew(true)).status).toBe(200)
    expect((await agent.renew()).status).toBe(200)
    expect((await agent.call('/v1/agent/sync')).status).toBe(200)
  })

  it.each([
    ['no JSON', { text: '{' }, '400 ERR_HTTP_BODY_MALFORMED'],
    ['two members of one name', { text: '{"attestor":"a","attestor":"b"}' }, '400 ERR_HTTP_BODY_MALFORMED'],
    ['no object', { text: '[]' }, '400 ERR_HTTP_BODY_MALFORMED'],
    ['no body', { method: 'POST' }, '400 ERR_HTTP_INVALID'],
    ['another media type', { text: 'a', headers: { 'content-type': 'text/plain' } }, '415 ERR_HTTP_MEDIA_TYPE'],
    ['an unknown member', { body: { attestor: 'a', evidence: 1, publicKey: {}, x: 1 } }, '400 ERR_HTTP_INVALID'],
    ['a missing member', { body: { attestor: 'a', evidence: 1 } }, '400 ERR_HTTP_INVALID'],
    ['a number for a text', { body: { attestor: 1, evidence: 1, publicKey: {} } }, '400 ERR_HTTP_INVALID'],
    ['an unknown attestor', { body: { attestor: 'tpm', evidence: 1, publicKey: {} } }, '400 ERR_NODE_ATTESTOR'],
    ['a body over the limit', { text: `{"evidence":"${'a'.repeat(300_000)}"}` }, '413 ERR_HTTP_TOO_LARGE'],
    [
      'evidence over the limit',
      { body: { attestor: 'join-token', evidence: 'a'.repeat(70_000), publicKey: newKey() } },
      '413 ERR_ATTESTATION_TOO_LARGE',
    ],
    [
      'evidence of the wrong shape',
      { body: { attestor: 'join-token', evidence: { tokens: 1 }, publicKey: newKey() } },
      '400 ERR_ATTESTATION_EVIDENCE_MALFORMED',
    ],
  ])('refuses attestation with %s', async (_, call, expected) => {
    const { server } = await startTestServer()
    const reply = await callHttps(`${server.machineUrl}/v1/agent/attest`, call)
    expect(refusal(reply)).toBe(expected)
    expect(reply.headers['content-type']).toBe('application/problem+json')
    expect(reply.body.status).toBe(reply.status)
  })

  it('never quotes what it refuses', async () => {
    const { server, log } = await startTestServer()
    const secret = 'eyJhbGciOiJFUzI1NiJ9'
    const bodies = [
      `{"attestor":"${secret}"`,
      `{"attestor":"a","evidence":1,"publicKey":{},"${secret}.${secret}":1}`,
      `{"attestor":"${secret.repeat(10)}","evidence":1,"publicKey":{}}`,
      `{"attestor":"${secret}","evidence":1,"publicKey":{}}`,
    ]
    for (const text of bodies) {
      const reply = await callHttps(`${server.machineUrl}/v1/agent/attest`, { text })
      expect(reply.status).toBe(400)
      expect(reply.text).not.toContain(secret)
    }
    expect(log.text).not.toContain(secret)
  })

  it('tells a wrong method from a wrong path', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const method = await agent.call('/v1/agent/sync', { method: 'POST' })
    expect(refusal(method)).toBe('405 ERR_HTTP_METHOD')
    expect(method.headers['allow']).toBe('GET, HEAD')
    expect(refusal(await agent.call('/v1/agent/absent'))).toBe('404 ERR_HTTP_NOT_FOUND')
    expect(refusal(await agent.call('/v1/agent/%zz'))).toMatch(/^4/)
  })

  it('refuses headers over the limit', async () => {
    const { server } = await startTestServer()
    const reply = await callHttps(`${server.machineUrl}/v1/agent/sync`, { headers: { x: 'a'.repeat(20_000) } })
    expect(reply.status).toBe(431)
    expect(reply.body.code).toBe('ERR_HTTP_REQUEST')
  })

  it('speaks TLS 1.3 only, also after its certificate was exchanged', async () => {
    const { server, clock } = await startTestServer()
    const offer = (maxVersion: 'TLSv1.2' | 'TLSv1.3') =>
      new Promise<string>((resolve) => {
        const port = Number(new URL(server.machineUrl).port)
        const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion }, () => {
          resolve(socket.getProtocol() ?? '')
          socket.destroy()
        })
        socket.on('error', () => resolve('refused'))
      })
    expect([await offer('TLSv1.2'), await offer('TLSv1.3')]).toEqual(['refused', 'TLSv1.3'])
    await clock.advance(1800)
    expect([await offer('TLSv1.2'), await offer('TLSv1.3')]).toEqual(['refused', 'TLSv1.3'])
  })

  it('lets no agent have more than 64 connections at a time', async () => {
    const test = await startTestServer()
    const [agent, other] = [await test.attestedAgent('/greedy'), await test.attestedAgent('/other')]
    const connections = new Agent({ keepAlive: true, maxFreeSockets: 64 })
    onTestFinished(() => connections.destroy())
    const call = () => agent.call('/v1/agent/sync', { agent: connections })
    const replies = await Promise.all(Array.from({ length: 64 }, call))
    expect(replies.map(({ status }) => status)).toEqual(Array(64).fill(200))
    const sockets = Object.values(connections.freeSockets).flatMap((free) => free ?? [])
    expect(sockets).toHaveLength(64)
    await expect(agent.call('/v1/agent/sync')).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect((await other.call('/v1/agent/sync')).status).toBe(200)
    sockets[0]?.destroy()
    // The server learns of it a moment later.
    let status = 0
    for (let tries = 0; status === 0 && tries < 200; tries++) {
      status = await agent.call('/v1/agent/sync').then(
        (reply) => reply.status,
        () => 0,
      )
    }
    expect(status).toBe(200)
  })

  it('lets no agent have more credentials than its share, and says when there are more', async () => {
    const test = await startTestServer({ config: { svids: { issuanceRate: 1, issuanceBurst: 100 } } })
    const [greedy, other] = [await test.attestedAgent('/greedy'), await test.attestedAgent('/other')]
    const ask = async (agent: TestAgent, count: number) => {
      const { id: entryId } = await createEntry(test, agent, { spiffeId: `spiffe://example.org/a${agentCount++}` })
      const key = newKey()
      return () =>
        agent.call('/v1/agent/x509-svids', { body: { requests: Array(count).fill({ entryId, publicKey: key }) } })
    }
    let agentCount = 0
    const fifty = await ask(greedy, 50)
    expect([(await fifty()).status, (await fifty()).status]).toEqual([200, 200])
    const refused = await fifty()
    expect(refusal(refused)).toBe('429 ERR_RATE_ISSUANCE')
    expect(refused.headers['retry-after']).toBe('50')
    expect((await (await ask(other, 50))()).status).toBe(200)
    // Neither its identity nor what it may know hangs on that.
    expect([(await greedy.call('/v1/agent/sync')).status, (await greedy.renew()).status]).toEqual([200, 200])
    const { id: entryId } = await createEntry(test, greedy, { spiffeId: 'spiffe://example.org/jwt' })
    const jwt = () => greedy.call('/v1/agent/jwt-svids', { body: { entryId, audience: ['a'] } })
    expect(refusal(await jwt())).toBe('429 ERR_RATE_ISSUANCE')
    const wit = { requests: [{ entryId, publicKey: newKey() }] }
    expect(refusal(await greedy.call('/v1/agent/wit-svids', { body: wit }))).toBe('429 ERR_RATE_ISSUANCE')
    test.clock.jump(1)
    expect((await jwt()).status).toBe(200)
    test.clock.jump(50)
    expect((await fifty()).status).toBe(200)
  })

  it('describes itself', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const { body } = await agent.call('/v1/openapi.json')
    expect(Object.keys(body.paths).sort()).toEqual([
      '/v1/agent/attest',
      '/v1/agent/events',
      '/v1/agent/jwt-svids',
      '/v1/agent/renew',
      '/v1/agent/sync',
      '/v1/agent/tainted',
      '/v1/agent/wit-svids',
      '/v1/agent/x509-svids',
      '/v1/downstream/bundle',
      '/v1/downstream/ca',
      '/v1/downstream/keys',
    ])
    expect(Object.keys(body.paths['/v1/agent/sync'])).toEqual(['get'])
  })
})

/** A certificate of the right form for this identifier, from an authority of its own. */
async function foreignCredential(spiffeId: string, now: number) {
  const times = { notBefore: now - 10, notAfter: now + 3600 }
  const caKey = generateSigningKey('ES256')
  const certificate = await buildCaCertificate({
    key: caKey,
    crypto: nodeCrypto,
    subject: { commonName: 'Workload identity authority' },
    trustDomain: WorkloadId.parse(spiffeId).trustDomain,
    serial: randomSerial(nodeCrypto),
    ...times,
  })
  const key = generateSigningKey('ES256')
  const leaf = await issueX509Svid({
    issuer: { certificate, key: caKey },
    publicKeySpki: await nodeCrypto.exportSpki(key.publicJwk),
    subject: WorkloadId.parse(spiffeId),
    serial: randomSerial(nodeCrypto),
    ...times,
  })
  return { key: encodeKeyPem(key.exportPkcs8()), cert: encodePem([leaf, certificate]) }
}
