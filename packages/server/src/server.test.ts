import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import {
  decodeBase64,
  JwtSvidVerifier,
  parseSpiffeBundle,
  TrustStore,
  verifyX509Svid,
  WitVerifier,
} from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { callHttps } from './test-support/http-call.ts'
import { createEntry, newKey, refusal } from './test-support/machine-requests.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'
import { TestAgent } from './test-support/test-agent.ts'
import { startTestServer } from './test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

describe('a whole server', () => {
  it('attests an agent, tells it its entries and issues what belongs to them', async () => {
    const test = await startTestServer()
    const { server, admin, clock, log } = test
    const token = await admin('/v1/join-tokens', { body: { agentPath: '/node-1' } })
    expect(token.status).toBe(201)
    const agent = new TestAgent(server.machineUrl)
    const attested = await agent.attest(token.body.token)
    expect(attested.status).toBe(200)
    expect(attested.body.credential.spiffeId).toBe('spiffe://example.org/countersign/agent/node-1')
    expect(attested.body.credential.expiresAt).toBe(clock.now() + 3600)
    expect(attested.body.bundle.trustDomain).toBe('example.org')

    const entry = await createEntry(test, agent)
    const sync = await agent.call('/v1/agent/sync')
    expect(sync.body).toMatchObject({ trustDomain: 'example.org', entries: [entry] })
    const bundle = parseSpiffeBundle('example.org', sync.body.bundles[0].bundle)
    const trust = new TrustStore(nodeCrypto)
    trust.setBundle(bundle)

    const body = { requests: [{ entryId: entry.id, publicKey: newKey() }] }
    const x509 = await agent.call('/v1/agent/x509-svids', { body })
    const { id } = await verifyX509Svid({
      chain: x509.body.svids[0].credential.chain.map(decodeBase64),
      roots: () => bundle.x509Authorities,
      now: clock.now(),
      crypto: nodeCrypto,
    })
    expect(id.toString()).toBe('spiffe://example.org/db')
    const wit = await agent.call('/v1/agent/wit-svids', { body })
    const verifier = new WitVerifier({ trust, crypto: nodeCrypto, profile: 'wit-svid' })
    expect((await verifier.verify(wit.body.svids[0].wit.token, clock.now())).subject.path).toBe('/db')
    const jwt = await agent.call('/v1/agent/jwt-svids', { body: { entryId: entry.id, audience: ['a'] } })
    const { subject } = await new JwtSvidVerifier({ trust }).verify(jwt.body.jwt.token, 'a', clock.now())
    expect(subject.path).toBe('/db')

    expect(log.events('node.attested')).toEqual([
      expect.objectContaining({ agentId: agent.agentId, attestor: 'join-token' }),
    ])
    for (const secret of [token.body.token, jwt.body.jwt.token, wit.body.svids[0].wit.token]) {
      expect(log.text).not.toContain(secret)
    }
  })

  it('shows agents its own identity, which a rotation of everything does not interrupt', async () => {
    const authorities = { x509Ttl: 7200, jwtTtl: 7200, witTtl: 7200 }
    const test = await startTestServer({ config: { authorities } })
    const { server, clock } = test
    const agent = await test.attestedAgent()
    const entry = await createEntry(test, agent)
    const seen = new Set<string>()
    const roots = new Set<string>()
    for (let round = 0; round < 25; round++) {
      clock.jump(550)
      await clock.advance(50)
      expect((await agent.renew()).status).toBe(200)
      const sync = await agent.call('/v1/agent/sync')
      const bundle = parseSpiffeBundle('example.org', sync.body.bundles[0].bundle)
      for (const root of bundle.x509Authorities) roots.add(Buffer.from(root).toString('hex'))
      const chain = await peerChain(server.machineUrl)
      const { id } = await verifyX509Svid({
        chain,
        roots: () => bundle.x509Authorities,
        now: clock.now(),
        crypto: nodeCrypto,
        usage: 'serverAuth',
      })
      expect(id.toString()).toBe('spiffe://example.org/countersign/server')
      const body = { requests: [{ entryId: entry.id, publicKey: newKey() }] }
      const x509 = await agent.call('/v1/agent/x509-svids', { body })
      await verifyX509Svid({
        chain: x509.body.svids[0].credential.chain.map(decodeBase64),
        roots: () => bundle.x509Authorities,
        now: clock.now(),
        crypto: nodeCrypto,
      })
      seen.add(Buffer.from(chain[0] ?? []).toString('hex'))
    }
    // Two lives of authorities, each renewed at half of it.
    expect(roots.size).toBeGreaterThanOrEqual(4)
    expect(seen.size).toBeGreaterThanOrEqual(8)
  })

  it('takes a join token once', async () => {
    const { server, admin, log } = await startTestServer()
    const { body } = await admin('/v1/join-tokens', { body: {} })
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => new TestAgent(server.machineUrl).attest(body.token)),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 403, 403, 403, 403, 403, 403, 403])
    expect(log.events('node.attestation_refused')).toHaveLength(1)
    expect(log.text).not.toContain(body.token)
  })

  it('does not spend a join token on a key that cannot be used', async () => {
    const { server, admin } = await startTestServer()
    const { token } = (await admin('/v1/join-tokens', { body: {} })).body
    const privateKey = generateSigningKey('ES256').exportJwk()
    const body = { attestor: 'join-token', evidence: { token }, publicKey: privateKey }
    expect(refusal(await callHttps(`${server.machineUrl}/v1/agent/attest`, { body }))).toBe('400 ERR_KEY_PRIVATE')
    expect((await new TestAgent(server.machineUrl).attest(token)).status).toBe(200)
  })

  it('gives an agent nothing of another agent', async () => {
    const test = await startTestServer()
    const [one, two] = [await test.attestedAgent('/one'), await test.attestedAgent('/two')]
    const entry = await createEntry(test, one)
    expect((await two.call('/v1/agent/sync')).body.entries).toEqual([])
    const request = { requests: [{ entryId: entry.id, publicKey: newKey() }] }
    const jwt = { entryId: entry.id, audience: ['a'] }
    const refused = '403 ERR_ENTITLEMENT_ENTRY'
    expect(refusal(await two.call('/v1/agent/x509-svids', { body: request }))).toBe(refused)
    expect(refusal(await two.call('/v1/agent/wit-svids', { body: request }))).toBe(refused)
    expect(refusal(await two.call('/v1/agent/jwt-svids', { body: jwt }))).toBe(refused)
    expect(refusal(await two.call('/v1/agent/jwt-svids', { body: { ...jwt, entryId: 'absent' } }))).toBe(refused)
    expect(test.log.events('credential.issued').filter(({ kind }) => kind !== 'server-svid')).toHaveLength(2)
    expect(test.log.events('credential.refused')).toHaveLength(4)
  })

  it('gives each credential the lifetime and the names that its entry has, and none beyond the end of the entry', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const now = test.clock.now()
    const entry = await createEntry(test, agent, {
      ...{ x509SvidTtl: 1000, jwtSvidTtl: 200, witTtl: 300, dnsNames: ['db.example.org', 'db'] },
    })
    const ask = async () => {
      const requests = [{ entryId: entry.id, publicKey: newKey() }]
      const x509 = (await agent.call('/v1/agent/x509-svids', { body: { requests } })).body.svids[0].credential
      const wit = (await agent.call('/v1/agent/wit-svids', { body: { requests } })).body.svids[0].wit
      const body = { entryId: entry.id, audience: ['a'] }
      const { jwt } = (await agent.call('/v1/agent/jwt-svids', { body })).body
      const leaf = new X509Certificate(decodeBase64(x509.chain[0]))
      return { ends: [x509, jwt, wit].map(({ expiresAt }) => expiresAt - now), names: leaf.subjectAltName, leaf }
    }
    const patch = (body: object) => test.admin(`/v1/entries/${entry.id}`, { method: 'PATCH', body })
    const first = await ask()
    expect(first.ends).toEqual([1000, 200, 300])
    expect(first.names).toContain('DNS:db.example.org, DNS:db')
    expect(first.leaf.validToDate.getTime() / 1000).toBe(now + 1000)
    await patch({ x509SvidTtl: null, jwtSvidTtl: null, witTtl: null, dnsNames: null })
    const cleared = await ask()
    expect(cleared.ends).toEqual([3600, 300, 3600])
    expect(cleared.names).not.toContain('DNS')
    await patch({ expiresAt: now + 50 })
    expect((await ask()).ends).toEqual([50, 50, 50])
    await patch({ expiresAt: null })
    expect((await ask()).ends).toEqual([3600, 300, 3600])
  })

  it('issues nothing for an entry that is over, and removes it', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const expiresAt = test.clock.now() + 10
    const entry = await createEntry(test, agent, { expiresAt })
    const body = { entryId: entry.id, audience: ['a'] }
    expect((await agent.call('/v1/agent/jwt-svids', { body })).body.jwt.expiresAt).toBe(expiresAt)
    test.clock.jump(10)
    expect(refusal(await agent.call('/v1/agent/jwt-svids', { body }))).toBe('403 ERR_ENTITLEMENT_ENTRY')
    await test.clock.advance(1)
    await vi.waitFor(async () => expect((await agent.call('/v1/agent/sync')).body.entries).toEqual([]))
    expect((await test.admin('/v1/entries')).body.entries).toEqual([])
    expect(test.log.events('entry.expired')).toHaveLength(1)
  })

  it('refuses one key for two identities, in one request', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const db = await createEntry(test, agent)
    const web = await createEntry(test, agent, { spiffeId: 'spiffe://example.org/web' })
    const publicKey = newKey()
    const requests = [db, web].map(({ id: entryId }) => ({ entryId, publicKey }))
    const reply = await agent.call('/v1/agent/x509-svids', { body: { requests } })
    expect(refusal(reply)).toBe('403 ERR_ENTITLEMENT_KEY_REUSED')
  })

  it('keeps everything over a restart', async () => {
    const dataDir = await temporaryFolder()
    const clock = new FakeClock()
    const first = await startTestServer({ dataDir, clock })
    const agent = await first.attestedAgent()
    const entry = await createEntry(first, agent)
    await first.server.stop()
    const second = await startTestServer({ dataDir, clock })
    const again = new TestAgent(second.server.machineUrl)
    again.tls = agent.tls
    expect((await again.call('/v1/agent/sync')).body.entries).toEqual([entry])
  })
})

describe('starting and stopping', () => {
  it('refuses a data folder that another server uses', async () => {
    const { dataDir } = await startTestServer()
    await expectCode(startTestServer({ dataDir }), 'ERR_STORE_LOCKED')
  })

  it('refuses a store that is damaged, and leaves it as it is', async () => {
    const dataDir = await temporaryFolder()
    await writeFile(join(dataDir, 'server.db'), 'not a database '.repeat(100))
    await expectCode(startTestServer({ dataDir }), 'ERR_STORE_CORRUPT')
    expect(await readFile(join(dataDir, 'server.db'), 'utf8')).toBe('not a database '.repeat(100))
  })

  it('leaves nothing open when it cannot start', async () => {
    const { server } = await startTestServer()
    const dataDir = await temporaryFolder()
    const port = Number(new URL(server.publicUrl).port)
    const config = { public: { host: '127.0.0.1', port } }
    await expectCode(startTestServer({ dataDir, config }), 'ERR_SERVER_ADDRESS')
    await startTestServer({ dataDir })
  })

  it('refuses certificate files that are not there or do not fit', async () => {
    const folder = await temporaryFolder()
    const config = { public: { host: '127.0.0.1', port: 0, certFile: 'cert.pem', keyFile: 'key.pem' } }
    await expectCode(startTestServer({ dataDir: folder, config }), 'ERR_SERVER_TLS_FILE')
  })

  it('stops with streams and idle connections open, once however often it is asked', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const events = await agent.events()
    await events.until(({ states }) => states.length === 1)
    const idle = connect({ path: test.server.adminSocket })
    await new Promise((resolve) => idle.once('connect', resolve))
    const ended = new Promise((resolve) => idle.once('close', resolve))
    await Promise.all([test.server.stop(), test.server.stop()])
    await events.ended()
    await ended
    expect(test.clock.pendingTimers).toBe(0)
    await expect(test.admin('/v1/status')).rejects.toThrow('ENOENT')
  })
})

/** What a server shows, as sent. */
function peerChain(url: string): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const port = Number(new URL(url).port)
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const raw = socket.getPeerX509Certificate()?.raw
      resolve(raw === undefined ? [] : [raw])
      socket.destroy()
    })
    socket.on('error', reject)
  })
}
