import { execFile, spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { startServer } from '../../server.ts'
import { createEntry, entryFor, refusal } from '../../test-support/machine-requests.ts'
import { RecordingLogger } from '../../test-support/recording-logger.ts'
import { temporaryFolder } from '../../test-support/temporary-folder.ts'
import { startTestServer, testConfig } from '../../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

describe('admin socket', () => {
  it('is open to its owner only', async () => {
    const { server } = await startTestServer()
    expect(statSync(server.adminSocket).mode & 0o777).toBe(0o600)
    expect(statSync(server.adminSocket).isSocket()).toBe(true)
  })

  it('is open to whom the configuration says, in a folder that lets them through', async () => {
    const socket = join(await temporaryFolder(), 'new', 'admin.sock')
    const gid = process.getegid?.() ?? 0
    await startTestServer({ config: { admin: { socket, socketMode: '0660', socketGroup: gid } } })
    const { mode, gid: group } = statSync(socket)
    expect([(mode & 0o777).toString(8), group]).toEqual(['660', gid])
    expect((statSync(join(socket, '..')).mode & 0o777).toString(8)).toBe('755')
  })

  // Only root can be somebody else.
  it.runIf(process.geteuid?.() === 0)('asks the kernel which user calls', async () => {
    const folder = await temporaryFolder()
    await chmod(folder, 0o755)
    const socket = join(folder, 'open', 'admin.sock')
    const test = await startTestServer({ config: { admin: { socket, socketMode: '0666' } } })
    const script =
      'require("node:http").get({ socketPath: process.argv[1], path: "/v1/status" }, (r) => r.pipe(process.stdout))'
    const asUser = async (uid: number) => {
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, socket], { uid, cwd: '/' })
      return JSON.parse(stdout)
    }
    expect(await asUser(4711)).toMatchObject({ status: 403, code: 'ERR_ADMIN_NO_ROLE' })
    expect(
      (await test.admin('/v1/role-grants', { body: { subject: { uid: 4711 }, role: 'viewer', prefix: '/' } })).status,
    ).toBe(201)
    expect(await asUser(4711)).toMatchObject({ trustDomain: 'example.org' })
    expect(await asUser(4712)).toMatchObject({ status: 403 })
    expect(await asUser(0)).toMatchObject({ trustDomain: 'example.org' })
  })

  it('creates, lists, shows, changes and deletes entries', async () => {
    const test = await startTestServer()
    const { admin } = test
    const agent = await test.attestedAgent()
    const entry = await createEntry(test, agent)
    expect(refusal(await admin('/v1/entries', { body: entryFor(agent) }))).toBe('409 ERR_ENTRY_EXISTS')
    expect((await admin(`/v1/entries/${entry.id}`)).body).toEqual(entry)
    const list = await admin(`/v1/entries?parentId=${encodeURIComponent(agent.agentId)}`)
    expect(list.body).toEqual({ entries: [entry], revision: entry.revision })
    expect((await admin('/v1/entries?spiffeId=spiffe%3A%2F%2Fexample.org%2Fweb')).body.entries).toEqual([])
    const change = await admin(`/v1/entries/${entry.id}`, { method: 'PATCH', body: { hint: 'main', x509SvidTtl: 60 } })
    expect(change.body).toEqual({ ...entry, hint: 'main', x509SvidTtl: 60, revision: entry.revision + 1 })
    expect((await admin(`/v1/entries/${entry.id}`, { method: 'DELETE' })).status).toBe(204)
    expect(refusal(await admin(`/v1/entries/${entry.id}`))).toBe('404 ERR_ENTRY_NOT_FOUND')
    for (const event of ['entry.created', 'entry.updated', 'entry.deleted']) {
      expect(test.log.events(event)).toHaveLength(1)
    }
  })

  it('refuses entries that break a rule, and members it does not know', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const post = async (change: object) => refusal(await test.admin('/v1/entries', { body: entryFor(agent, change) }))
    expect(await post({ spiffeId: 'spiffe://example.org/countersign/x' })).toBe('400 ERR_ENTRY_RESERVED')
    expect(await post({ x509SvidTtl: 86_401 })).toBe('400 ERR_ENTRY_TTL')
    expect(await post({ selectors: [] })).toBe('400 ERR_HTTP_INVALID')
    expect(await post({ ttl: 5 })).toBe('400 ERR_HTTP_INVALID')
    expect(await post({ x509SvidTtl: '60' })).toBe('400 ERR_HTTP_INVALID')
    expect(refusal(await test.admin('/v1/entries?id=1'))).toBe('400 ERR_HTTP_INVALID')
    const entry = await createEntry(test, agent)
    const patch = { method: 'PATCH', body: { spiffeId: 'spiffe://other.org/db' } }
    expect(refusal(await test.admin(`/v1/entries/${entry.id}`, patch))).toBe('400 ERR_ENTRY_IDENTIFIER')
  })

  it('takes a batch of entries, all or none, and tells an auditor of each', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const kept = await createEntry(test, agent)
    const batch = (body: object) => test.admin('/v1/entries/batch', { body })
    const { revision } = (await test.admin('/v1/entries')).body
    const web = entryFor(agent, { spiffeId: 'spiffe://example.org/web' })
    const reserved = entryFor(agent, { spiffeId: 'spiffe://example.org/countersign/x' })
    const refused = await batch({ revision, create: [web, reserved] })
    expect(refusal(refused)).toBe('400 ERR_ENTRY_RESERVED')
    expect(refused.body.title).toMatch(/^create\[1\]: /)
    const replace = [{ id: kept.id, entry: entryFor(agent, { hint: 'main' }) }]
    const done = await batch({ revision, create: [web], replace })
    expect(done.body).toMatchObject({ created: [web], replaced: [{ id: kept.id, hint: 'main' }], deleted: [] })
    expect(refusal(await batch({ revision, delete: [kept.id] }))).toBe('409 ERR_ENTRY_CHANGED')
    expect((await batch({ revision: done.body.revision, delete: [kept.id] })).status).toBe(200)
    expect(['entry.created', 'entry.updated', 'entry.deleted'].map((event) => test.log.events(event).length)).toEqual([
      2, 1, 1,
    ])
    expect(refusal(await batch({ create: [web] }))).toBe('400 ERR_HTTP_INVALID')
    expect(refusal(await batch({ revision: 0, create: Array(501).fill(web) }))).toBe('400 ERR_HTTP_INVALID')
  })

  it('clears with null what an entry need not have, and nothing else', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent()
    const optional = { x509SvidTtl: 60, jwtSvidTtl: 60, witTtl: 60, dnsNames: ['a'], hint: 'h', admin: true }
    const more = { downstream: true, federatesWith: ['a.example'], expiresAt: test.clock.now() + 60 }
    const entry = await createEntry(test, agent, { ...optional, ...more })
    const patch = (body: object) => test.admin(`/v1/entries/${entry.id}`, { method: 'PATCH', body })
    expect((await patch({ hint: null })).body).toEqual({
      ...{ ...entry, revision: entry.revision + 1 },
      hint: undefined,
    })
    const cleared = await patch(Object.fromEntries(Object.keys({ ...optional, ...more }).map((name) => [name, null])))
    expect(Object.keys(cleared.body).sort()).toEqual([
      ...['createdAt', 'id', 'parentId', 'revision', 'selectors', 'spiffeId'],
    ])
    for (const field of ['spiffeId', 'parentId', 'selectors', 'id']) {
      expect(refusal(await patch({ [field]: null }))).toBe('400 ERR_HTTP_INVALID')
    }
  })

  it('lists nodes, and says so when one is not there', async () => {
    const test = await startTestServer()
    const agent = await test.attestedAgent('/node-1')
    const { nodes } = (await test.admin('/v1/nodes')).body
    expect(nodes).toEqual([
      expect.objectContaining({ agentId: agent.agentId, attestor: 'join-token', attestedAt: test.clock.now() }),
    ])
    expect(nodes[0]).not.toHaveProperty('serial')
    const body = { agentId: `${agent.agentId}0` }
    expect(refusal(await test.admin('/v1/nodes/ban', { body }))).toBe('404 ERR_NODE_NOT_FOUND')
    expect(refusal(await test.admin('/v1/nodes/evict', { body }))).toBe('404 ERR_NODE_NOT_FOUND')
  })

  it('tells what runs, and describes itself', async () => {
    const { server, admin, clock } = await startTestServer()
    expect((await admin('/v1/status')).body).toMatchObject({
      trustDomain: 'example.org',
      startedAt: clock.now(),
      listeners: { machine: server.machineUrl, public: server.publicUrl, admin: server.adminSocket },
    })
    expect(Object.keys((await admin('/v1/openapi.json')).body.paths).sort()).toEqual([
      '/v1/authorities',
      '/v1/authorities/activate',
      '/v1/authorities/import',
      '/v1/authorities/prepare',
      '/v1/authorities/request',
      '/v1/authorities/revoke',
      '/v1/authorities/taint',
      '/v1/backup',
      '/v1/bundles',
      '/v1/bundles/{trustDomain}',
      '/v1/checks',
      '/v1/entries',
      '/v1/entries/batch',
      '/v1/entries/events',
      '/v1/entries/{id}',
      '/v1/exchange/explain',
      '/v1/federations',
      '/v1/federations/{trustDomain}',
      '/v1/federations/{trustDomain}/refresh',
      '/v1/health',
      '/v1/join-tokens',
      '/v1/log-level',
      '/v1/log-level/reset',
      '/v1/nodes',
      '/v1/nodes/ban',
      '/v1/nodes/evict',
      '/v1/resume',
      '/v1/role-grants',
      '/v1/role-grants/{id}',
      '/v1/status',
    ])
  })

  it('does not let the own bundle be replaced', async () => {
    const { admin } = await startTestServer()
    const put = { method: 'PUT', body: { keys: [] } }
    expect(refusal(await admin('/v1/bundles/example.org', put))).toBe('400 ERR_FEDERATION_OWN_TRUST_DOMAIN')
    const own = await admin('/v1/bundles/example.org')
    expect(own.body.bundle.keys).toHaveLength(3)
    expect(refusal(await admin('/v1/bundles/absent.example'))).toBe('404 ERR_FEDERATION_NOT_FOUND')
  })

  it('refuses bundles over the limit of all bodies', async () => {
    const { admin } = await startTestServer()
    const keys = [{ kty: 'unknown', use: 'unknown', padding: 'a'.repeat(400_000) }]
    expect(refusal(await admin('/v1/bundles/partner.example', { method: 'PUT', body: { keys } }))).toBe(
      '413 ERR_HTTP_TOO_LARGE',
    )
  })

  it('replaces a socket that nobody answers on, and none that someone does', async () => {
    const dataDir = await temporaryFolder()
    const crashed = join(dataDir, 'admin.sock')
    await leaveStaleSocket(crashed)
    const { server } = await startTestServer({ dataDir })
    expect(server.adminSocket).toBe(crashed)
    const other = await temporaryFolder()
    const start = startServer(testConfig(other, { admin: { socket: crashed } }), {
      log: new RecordingLogger(),
      clock: new FakeClock(),
    })
    await expectCode(start, 'ERR_SERVER_SOCKET_IN_USE')
  })

  it('does not replace a file', async () => {
    const dataDir = await temporaryFolder()
    await writeFile(join(dataDir, 'admin.sock'), 'notes')
    await expectCode(startTestServer({ dataDir }), 'ERR_SERVER_SOCKET_PATH')
    expect(await readFile(join(dataDir, 'admin.sock'), 'utf8')).toBe('notes')
  })
})

/** What a killed process leaves: a socket file nobody listens on. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script =
    'require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))'
  spawnSync(process.execPath, ['-e', script, path])
  expect(statSync(path).isSocket()).toBe(true)
}
