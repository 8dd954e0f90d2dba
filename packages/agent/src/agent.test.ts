import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SyncedState } from '@countersign/api'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { describe, expect, it, vi } from 'vitest'
import { startAgent } from './agent.ts'
import { AGENT_ID, entry } from './test-support/fake-server.ts'
import { eventually, reader, startReadyWorld, startWorld } from './test-support/running-agent.ts'
import { TestAuthority } from './test-support/test-authority.ts'

const ATTEST = 'POST /v1/agent/attest'
const web = [entry('e1', '/web')]
const WAIT = { timeout: 15_000, interval: 20 }

describe('an agent that starts', () => {
  it('attests once, and comes back after a restart without a token', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    expect(world.agent.agentId()).toBe(AGENT_ID)
    await world.restart()
    expect(world.agent.agentId()).toBe(AGENT_ID)
    const { svids } = await reader(world.client().fetchX509Svid()).next()
    expect(svids[0]?.spiffeId).toBe('spiffe://example.org/web')
    expect(world.server.count(ATTEST)).toBe(1)
  })

  it('tells the server what it has, and takes what is new since', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    const { server } = world
    const known = new SyncedState(server.state)
    expect(server.claims).toEqual([''])
    const paths = async () =>
      (await reader(world.client().fetchX509Svid()).next()).svids.map(({ spiffeId }) => spiffeId)
    expect(await paths()).toEqual(['spiffe://example.org/web'])
    const db = entry('e2', '/db')
    const next = new SyncedState({ ...server.state, entries: [...web, db] })
    server.set({ entries: [...web, db] })
    server.say('change', { after: known.state.revision, revision: 5, entries: [db], digest: next.digest })
    await vi.waitFor(
      async () => expect(await paths()).toEqual(['spiffe://example.org/web', 'spiffe://example.org/db']),
      WAIT,
    )
    server.say('current', { revision: 9, digest: next.digest })
    server.set({ revision: 9 })
    await world.restart()
    await eventually(() => server.claims.length === 2)
    expect(server.claims[1]).toBe(`after=5&digest=${next.digest}`)
  })

  it('asks for everything when what it has is not what a change is to, and serves on meanwhile', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    const { server, log } = world
    server.set({ entries: [...web, entry('e2', '/db')], revision: 7 })
    server.say('change', { after: 1, revision: 7, removed: ['e0'], digest: 'of something else' })
    await eventually(() => log.records.some(({ fields }) => fields['code'] === 'ERR_AGENT_SERVER_DIVERGED'))
    expect((await reader(world.client().fetchX509Svid()).next()).svids).toHaveLength(1)
    await world.clock.advance(2)
    await eventually(() => server.claims.length === 2)
    expect(server.claims).toEqual(['', ''])
    const both = async () => expect((await reader(world.client().fetchX509Svid()).next()).svids).toHaveLength(2)
    await vi.waitFor(both, WAIT)
  })

  it("serves what lies below its aliases, and below nobody else's", async () => {
    const hosts = 'spiffe://example.org/hosts/db'
    const entries = [entry('e1', '/db', { parentId: hosts }), entry('e2', '/web', { parentId: `${hosts}/x` })]
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries, aliases: [hosts] }) })
    const { svids } = await reader(world.client().fetchX509Svid()).next()
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://example.org/db'])
  })

  it('keeps its key and state in files that only its owner can read', async () => {
    const world = await startReadyWorld()
    await world.agent.stop()
    const folder = world.config.dataDir
    const files = await readdir(folder)
    expect(files.sort()).toEqual(['agent-svid.json', 'agent.lock', 'seal.key', 'sync.json', 'trust-bundle.json'])
    for (const file of files) expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600)
    expect((await stat(folder)).mode & 0o777).toBe(0o711)
  })

  it('never logs a token, a key or evidence', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    const { svids } = await world.client().fetchJwtSvid({ audience: ['a'] })
    world.programs.selectors = []
    await world.clock.advance(6)
    await world
      .client()
      .fetchJwtSvid({ audience: ['a'] })
      .catch(() => {})
    const log = JSON.stringify(world.log.records)
    expect(log).toContain('no identity issued')
    expect(log).not.toContain('good-token')
    expect(log).not.toContain(svids[0]?.svid)
    expect(log).not.toContain('BEGIN')
  })

  it('answers UNAVAILABLE while its server cannot be reached, says when it tries again, and then serves', async () => {
    const world = await startWorld({
      // The attestor is asked for evidence once for each attempt.
      tokens: ['good-token', 'good-token'],
      prepare: async (server) => {
        server.set({ entries: web })
        await server.down()
      },
    })
    const client = world.client()
    await expect(reader(client.fetchX509Svid()).next()).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_UNAVAILABLE',
      detail: 'agent is starting',
    })
    await eventually(() => world.log.with('agent is not attested yet, will try again').length > 0)
    const [record] = world.log.with('agent is not attested yet, will try again')
    expect(record?.fields).toMatchObject({
      server: world.server.url,
      code: 'ERR_AGENT_SERVER_UNREACHABLE',
      detail: 'ECONNREFUSED',
      retryInSeconds: 1,
    })
    await world.server.up()
    await world.clock.advance(1)
    await eventually(() => world.log.with('connected to the server').length === 1)
    expect((await reader(client.fetchX509Svid()).next()).svids).toHaveLength(1)
  })

  it('says what it needs when the node cannot prove itself', async () => {
    const world = await startWorld({ tokens: [] })
    await eventually(() => world.log.with('this node cannot prove itself to the server').length > 0)
    const [record] = world.log.with('this node cannot prove itself to the server')
    expect(record?.level).toBe('error')
    expect(record?.fields).toMatchObject({ code: 'ERR_ATTESTATION_NOT_POSSIBLE', reason: 'a new join token is needed' })
  })

  it('says what it needs when the server does not accept its evidence', async () => {
    const world = await startWorld({ tokens: ['used-token'] })
    await eventually(() => world.log.with('this node cannot prove itself to the server').length > 0)
    const [record] = world.log.with('this node cannot prove itself to the server')
    expect(record?.level).toBe('error')
    expect(record?.fields).toMatchObject({
      detail: 'status 403 ERR_ATTESTATION_TOKEN_UNKNOWN',
      needs: 'new evidence for node attestor "test-token"',
    })
  })

  it('needs no other token when the answer to its attestation is lost', async () => {
    const world = await startWorld({
      tokens: ['good-token', 'good-token', 'good-token'],
      prepare: (server) => {
        server.lostAnswers = 2
      },
    })
    for (let seconds = 0; seconds < 10 && world.agent.agentId() === undefined; seconds++) await world.clock.advance(1)
    await eventually(() => world.agent.agentId() === AGENT_ID)
    expect(world.server.count(ATTEST)).toBe(3)
  })

  it('needs no other token when it is killed before the answer', async () => {
    const world = await startWorld({
      tokens: ['good-token', 'good-token'],
      prepare: (server) => {
        server.lostAnswers = 1
      },
    })
    await eventually(() => world.log.with('agent is not attested yet, will try again').length === 1)
    const file = join(world.config.dataDir, 'attestation-key.json')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    await world.restart()
    await eventually(() => world.agent.agentId() === AGENT_ID)
    expect(world.server.count(ATTEST)).toBe(2)
    await world.agent.stop()
    expect(await readdir(world.config.dataDir)).not.toContain('attestation-key.json')
  })

  it('clears away what crashes left unfinished, and nothing else', async () => {
    const world = await startWorld()
    await world.agent.stop()
    const leftovers = ['agent-svid.json.0123456789ab', 'credentials.sealed.0123456789ab', 'seal.key.0123456789ab']
    const others = ['notes.0123456789ab', 'bundle.json.old']
    for (const name of [...leftovers, ...others]) await writeFile(join(world.config.dataDir, name), '')
    await world.restart()
    const files = await readdir(world.config.dataDir)
    expect(files).toEqual(expect.arrayContaining(others))
    expect(files.filter((name) => leftovers.includes(name))).toEqual([])
  })

  it('refuses to start without anyone to trust', async () => {
    const world = await startWorld()
    const { bootstrapBundle: _, ...config } = world.config
    const fresh = { ...config, dataDir: join(world.folder, 'other'), socket: join(world.folder, 'other.sock') }
    await expect(startAgent(fresh, { log: world.log })).rejects.toMatchObject({ code: 'ERR_AGENT_BOOTSTRAP_BUNDLE' })
  })

  it.each([
    ['is missing', undefined],
    ['is not JSON', 'nonsense'],
    ['has no root', '{"keys":[]}'],
  ])('refuses to start when the bootstrap bundle %s', async (_, content) => {
    const world = await startWorld()
    const bootstrapBundle = join(world.folder, 'bad.json')
    if (content !== undefined) await writeFile(bootstrapBundle, content)
    const fresh = { ...world.config, bootstrapBundle, dataDir: join(world.folder, 'other') }
    await expect(startAgent(fresh, { log: world.log })).rejects.toMatchObject({ code: 'ERR_AGENT_BOOTSTRAP_BUNDLE' })
  })
})

describe('whom the agent takes for its server', () => {
  it('sends no token to a server that another authority vouches for', async () => {
    const world = await startWorld({
      prepare: async (server) => {
        await server.down()
        await server.up(await TestAuthority.create('example.org', () => server.clock.now()))
      },
    })
    await eventually(() => world.log.with('agent is not attested yet, will try again').length > 0)
    expect(world.log.records.at(-1)?.fields).toMatchObject({ code: 'ERR_AGENT_SERVER_IDENTITY' })
    expect(world.server.requests).toEqual([])
    expect(world.server.tokens.has('good-token')).toBe(true)
  })

  it('sends no token to another workload of its own trust domain', async () => {
    const world = await startWorld({
      prepare: async (server) => {
        await server.down()
        server.spiffeId = 'spiffe://example.org/countersign/agent/two'
        await server.up()
      },
    })
    await eventually(() => world.log.with('agent is not attested yet, will try again').length > 0)
    expect(world.log.records.at(-1)?.fields).toMatchObject({ code: 'ERR_AGENT_SERVER_IDENTITY' })
    expect(world.server.requests).toEqual([])
  })
})

describe('what the agent takes from its server', () => {
  it.each([
    ['for another key', AGENT_ID, true],
    ['under the name of a workload', 'spiffe://example.org/web', false],
    ['under the name of the server', 'spiffe://example.org/countersign/server', false],
  ])('is no identity %s', async (_, spiffeId, anotherKey) => {
    const world = await startWorld({
      prepare: (server) => {
        const x509 = server.authority.x509.bind(server.authority)
        server.authority.x509 = (_id, publicKey, ttl) =>
          x509(spiffeId, anotherKey ? generateSigningKey('ES256').publicJwk : publicKey, ttl)
      },
    })
    await eventually(() => world.log.with('agent is not attested yet, will try again').length > 0)
    expect(world.log.with('agent is not attested yet, will try again')[0]?.fields).toMatchObject({
      code: 'ERR_AGENT_CREDENTIAL',
    })
    expect(world.agent.agentId()).toBeUndefined()
    expect(await readdir(world.config.dataDir)).not.toContain('agent-svid.json')
  })

  it('is no renewal under another name', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ agentTtl: 1000 }) })
    const x509 = world.server.authority.x509.bind(world.server.authority)
    world.server.authority.x509 = (_id, publicKey, ttl) => x509(`${AGENT_ID}/other`, publicKey, ttl)
    await world.clock.advance(501)
    await eventually(() => world.log.with('agent identity is not renewed yet').length > 0)
    expect(world.log.with('agent identity is not renewed yet')[0]?.fields).toMatchObject({
      code: 'ERR_AGENT_CREDENTIAL',
    })
    expect(world.agent.agentId()).toBe(AGENT_ID)
  })

  it('is no credential of another workload', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    const { x509, jwt, wit } = world.server.authority
    const other = 'spiffe://example.org/admin'
    Object.assign(world.server.authority, {
      x509: (_id: string, publicKey: unknown, ttl: number) => x509.call(world.server.authority, other, publicKey, ttl),
      wit: (_id: string, publicKey: unknown, ttl: number) => wit.call(world.server.authority, other, publicKey, ttl),
      jwt: (_id: string, audience: string[], ttl: number) => jwt.call(world.server.authority, other, audience, ttl),
    })
    const client = world.client()
    const refused = { code: 'ERR_WORKLOAD_API_UNAVAILABLE' }
    await expect(reader(client.fetchX509Svid()).next()).rejects.toMatchObject(refused)
    await expect(reader(client.fetchWitSvid()).next()).rejects.toMatchObject(refused)
    await expect(client.fetchJwtSvid({ audience: ['a'] })).rejects.toMatchObject(refused)
  })
})

describe('an agent whose server goes away', () => {
  it('serves what is valid, and stops when it expires', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web, svidTtl: 600 }) })
    const client = world.client()
    const before = await reader(client.fetchX509Svid()).next()
    await world.server.down()
    await eventually(
      () => world.log.with('connection to the server is lost, valid identities are still served').length > 0,
    )
    await world.clock.advance(500)
    const during = await reader(client.fetchX509Svid()).next()
    expect(during.svids[0]?.x509Svid).toEqual(before.svids[0]?.x509Svid)
    await world.clock.advance(101)
    await expect(reader(client.fetchX509Svid()).next()).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_UNAVAILABLE' })
  })

  it('answers bundles after a restart while the server is still away', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    await world.agent.stop()
    await world.server.down()
    await world.restart()
    const { bundles } = await reader(world.client().fetchX509Bundles()).next()
    expect(Object.keys(bundles)).toEqual(['spiffe://example.org'])
  })

  it('catches up when the server is back', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    await world.server.down()
    world.server.change(() => world.server.set({ entries: [...web, entry('e2', '/batch')] }))
    await world.server.up()
    await eventually(
      () => world.log.with('connection to the server is lost, valid identities are still served').length > 0,
    )
    await world.clock.advance(2)
    await eventually(() => world.server.streams === 1)
    const { svids } = await reader(world.client().fetchX509Svid()).next()
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://example.org/web', 'spiffe://example.org/batch'])
  })
})

describe("the agent's own identity", () => {
  it('is renewed at half its life with a new key, and kept', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ agentTtl: 1000 }) })
    const file = join(world.config.dataDir, 'agent-svid.json')
    const stored = async () => JSON.parse(await readFile(file, 'utf8')) as { privateKey: string; expiresAt: number }
    const before = await stored()
    await world.clock.advance(499)
    expect(world.server.count('POST /v1/agent/renew')).toBe(0)
    await world.clock.advance(2)
    await eventually(() => world.log.with('agent identity renewed').length === 1)
    const after = await stored()
    expect(after.privateKey).not.toBe(before.privateKey)
    expect(after.expiresAt).toBeGreaterThan(before.expiresAt)
    expect(world.server.count(ATTEST)).toBe(1)
    await eventually(() => world.server.count('GET /v1/agent/events') === 2)
    expect(world.log.with('connection to the server is lost, valid identities are still served')).toEqual([])
  })

  it('is attested anew after it expired in an outage', async () => {
    const world = await startReadyWorld({
      tokens: ['good-token', 'second-token'],
      prepare: (server) => server.set({ agentTtl: 100, tokens: new Set(['good-token', 'second-token']) }),
    })
    await world.agent.stop()
    await world.clock.advance(101)
    await world.restart()
    await eventually(() => world.agent.agentId() === AGENT_ID)
    expect(world.server.count(ATTEST)).toBe(2)
  })
})

describe('an agent that its server no longer accepts', () => {
  it('takes the identities of its programs away and says why', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    const stream = reader(world.client().fetchX509Svid())
    await stream.next()
    world.server.set({ banned: true })
    world.server.endStreams()
    const withdrawn = expect(stream.next()).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_DENIED',
      detail: 'no identity issued',
    })
    await eventually(
      () => world.log.with('connection to the server is lost, valid identities are still served').length > 0,
    )
    await world.clock.advance(2)
    await withdrawn
    const records = world.log.records.filter((record) => record.message.startsWith('server does not accept this agent'))
    expect(records).toHaveLength(1)
    expect(records[0]).toMatchObject({ level: 'error', fields: { agentId: AGENT_ID } })
  })

  it('finds out within the sync interval when the stream says nothing', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    world.server.set({ banned: true })
    await world.clock.advance(30)
    await eventually(() =>
      world.log.records.some(({ message }) => message.startsWith('server does not accept this agent')),
    )
    await expect(reader(world.client().fetchX509Svid()).next()).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_DENIED',
    })
  })

  it('serves again when the ban is lifted, with certificates that were not revoked with it', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    const [before] = (await reader(world.client().fetchX509Svid()).next()).svids
    world.server.set({ banned: true })
    await world.clock.advance(30)
    await eventually(() => world.log.with('this node cannot prove itself to the server').length > 0)
    world.server.set({ banned: false })
    await world.clock.advance(5)
    await eventually(() => world.log.with('server accepts this agent again').length === 1)
    await eventually(() => world.server.streams === 1)
    const { svids } = await reader(world.client().fetchX509Svid()).next()
    expect(svids).toHaveLength(1)
    expect(svids[0]?.x509Svid).not.toEqual(before?.x509Svid)
  })
})

describe('an agent whose certificate the server does not take', () => {
  const refusal = JSON.stringify({ type: 'about:blank', title: 'no', status: 403, code: 'ERR_NODE_CERTIFICATE' })

  it('keeps serving what is valid, says what is needed, and goes on when it is taken again', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    const before = await reader(world.client().fetchX509Svid()).next()
    world.server.override = (_, response) => {
      response.writeHead(403, { 'content-type': 'application/problem+json' }).end(refusal)
      return true
    }
    await world.clock.advance(30)
    const message = "server does not accept the agent's certificate, valid identities are still served"
    await eventually(() => world.log.with(message).length === 1)
    expect(world.log.with(message)[0]?.fields['needs']).toContain('clocks')
    const during = await reader(world.client().fetchX509Svid()).next()
    expect(during.svids[0]?.x509Svid).toEqual(before.svids[0]?.x509Svid)
    world.server.override = undefined
    await world.clock.advance(1)
    await eventually(() => world.log.with('server accepts this agent again').length === 1)
    expect(world.log.with(message)).toHaveLength(1)
  })

  it('still hears that it is banned', async () => {
    const world = await startReadyWorld({
      tokens: ['good-token', 'second-token'],
      prepare: (server) => server.set({ entries: web }),
    })
    world.server.override = (request, response) => {
      if (request.url === '/v1/agent/attest') return false
      response.writeHead(403, { 'content-type': 'application/problem+json' }).end(refusal)
      return true
    }
    world.server.set({ banned: true })
    await world.clock.advance(30)
    await eventually(() =>
      world.log.records.some(({ message }) => message.startsWith("server does not accept the agent's certificate")),
    )
    await world.clock.advance(1)
    await eventually(() =>
      world.log.records.some(({ message }) => message.startsWith('server does not accept this agent any more')),
    )
    await expect(reader(world.client().fetchX509Svid()).next()).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_DENIED',
    })
  })
})

describe('changes', () => {
  it('of what shapes a credential lead to another one at once, and others do not', async () => {
    const { server, client, clock } = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    const api = client()
    const issued = async () => {
      for await (const _ of api.fetchX509Svid()) break
      await api.fetchJwtSvid({ audience: ['a'] })
      for await (const _ of api.fetchWitSvid()) break
      return ['x509', 'jwt', 'wit'].map((kind) => server.count(`POST /v1/agent/${kind}-svids`))
    }
    expect(await issued()).toEqual([1, 1, 1])
    const changes: [object, readonly number[]][] = [
      [{ hint: 'main' }, [1, 1, 1]],
      [{ x509SvidTtl: 600 }, [2, 1, 1]],
      [{ jwtSvidTtl: 60 }, [2, 2, 1]],
      [{ witTtl: 600 }, [2, 2, 2]],
      [{ dnsNames: ['web.example.org'] }, [3, 2, 2]],
      [{ expiresAt: clock.now() + 3000 }, [4, 3, 3]],
      // What it had before is as good as ever.
      [{ expiresAt: undefined }, [4, 3, 3]],
    ]
    let fields = {}
    for (const [revision, [change, expected]] of changes.entries()) {
      fields = { ...fields, ...change }
      const next = JSON.parse(JSON.stringify(entry('e1', '/web', { ...fields, revision: revision + 10 })))
      server.change(() => server.set({ entries: [next] }))
      await vi.waitFor(async () => expect(await issued()).toEqual(expected), WAIT)
    }
  })

  it('are noticed within the sync interval even when the stream has silently died', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    world.server.set({ entries: [...web, entry('e2', '/batch')], revision: 2 })
    await world.clock.advance(31)
    await eventually(
      () => world.server.count('GET /v1/agent/events') === 2 || world.server.count('GET /v1/agent/sync') > 0,
    )
    await eventually(() => world.server.count('GET /v1/agent/sync') === 1)
    const { svids } = await reader(world.client().fetchX509Svid()).next()
    expect(svids).toHaveLength(2)
  })

  it('do not take over a bundle of the own trust domain that has no roots', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    const bundle = world.server.authority.bundle.bind(world.server.authority)
    world.server.authority.bundle = () => ({ trustDomain: 'example.org', bundle: { keys: [] } })
    world.server.change(() => {})
    await eventually(() => world.log.with('bundle of the server is not usable, kept the old one').length > 0)
    world.server.authority.bundle = bundle
    const { bundles } = await reader(world.client().fetchX509Bundles()).next()
    expect(bundles['spiffe://example.org']?.length).toBe(world.server.authority.certificate.length)
  })
})
