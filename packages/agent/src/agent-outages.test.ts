/** What an agent does when it cannot ask its server, and when time is not what it was. */
import { copyFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeUnverifiedJws } from '@countersign/protocol'
import { describe, expect, it } from 'vitest'
import { startAgent } from './agent.ts'
import { askOperator } from './test-support/ask-operator.ts'
import { AGENT_ID, entry } from './test-support/fake-server.ts'
import { eventually, reader, startReadyWorld, type World } from './test-support/running-agent.ts'
import { TestAuthority } from './test-support/test-authority.ts'

const ATTEST = 'POST /v1/agent/attest'
const LOST = 'connection to the server is lost, valid identities are still served'
const TAINTED = 'signing key is tainted, credentials are being replaced'
const web = [entry('e1', '/web')]
const UNAVAILABLE = { code: 'ERR_WORKLOAD_API_UNAVAILABLE' }

/** One credential of each kind, as a program gets them. */
async function fetchAll(world: World) {
  const client = world.client()
  const x509 = await reader(client.fetchX509Svid()).next()
  const wit = await reader(client.fetchWitSvid()).next()
  const jwt = await client.fetchJwtSvid({ audience: ['a'] })
  return [x509.svids[0]?.x509Svid, x509.svids[0]?.x509SvidKey, wit.svids[0]?.witSvid, jwt.svids[0]?.svid]
}

/** What is refused, for lack of a credential that still holds. */
async function expectNothing(world: World): Promise<void> {
  const client = world.client()
  await expect(reader(client.fetchX509Svid()).next()).rejects.toMatchObject(UNAVAILABLE)
  await expect(reader(client.fetchWitSvid()).next()).rejects.toMatchObject(UNAVAILABLE)
  await expect(client.fetchJwtSvid({ audience: ['a'] })).rejects.toMatchObject(UNAVAILABLE)
}

const status = async (world: World) => (await askOperator(world.config.operator.socket, '/v1/status')).body

describe('an agent that is restarted while its server is away', () => {
  it('serves at once what was in use, and asks nobody', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web, jwtTtl: 3600 }) })
    const before = await fetchAll(world)
    await world.agent.stop()
    await world.server.down()
    await world.clock.advance(600)
    await world.restart()
    expect(await fetchAll(world)).toEqual(before)
    expect(await status(world)).toMatchObject({
      state: 'ready',
      agentId: AGENT_ID,
      credentials: { x509: 1, wit: 1, jwt: 1 },
      durable: { savedAt: world.clock.now() - 600 },
    })
  })

  it('has it after a crash too, a few seconds after it was fetched', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    await fetchAll(world)
    expect(await readdir(world.config.dataDir)).not.toContain('credentials.sealed')
    await world.clock.advance(2)
    await eventually(() => world.log.records.length > 0)
    expect((await status(world)).durable).toEqual({ savedAt: expect.any(Number) })
    expect(await readdir(world.config.dataDir)).toContain('credentials.sealed')
  })

  it('never serves what has ended meanwhile, and gets it anew when the server is back', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web, svidTtl: 600 }) })
    const before = await fetchAll(world)
    await world.agent.stop()
    await world.server.down()
    await world.clock.advance(600)
    await world.restart()
    await expectNothing(world)
    expect((await status(world)).credentials).toEqual({ x509: 0, wit: 0, jwt: 0 })
    await world.server.up()
    await world.clock.advance(61)
    await eventually(() => world.server.streams === 1)
    for (const [index, credential] of (await fetchAll(world)).entries()) expect(credential).not.toEqual(before[index])
  })

  it('attests anew under its name when its own identity has ended, and asks only for what is new', async () => {
    const tokens = ['good-token', 'second-token']
    const world = await startReadyWorld({
      tokens,
      prepare: (server) => server.set({ entries: web, agentTtl: 600, tokens: new Set(tokens) }),
    })
    const known = world.server.state
    await world.agent.stop()
    await world.clock.advance(601)
    await world.restart()
    await eventually(() => world.server.streams === 1)
    const [, first, ...more] = world.server.claims
    expect([new URLSearchParams(first).get('after'), more]).toEqual([String(known.revision), []])
  })

  it('does not believe a clock that was set back', async () => {
    const world = await startReadyWorld({
      prepare: (server) => server.set({ entries: web, svidTtl: 600, jwtTtl: 600 }),
    })
    await fetchAll(world)
    await world.agent.stop()
    await world.server.down()
    world.clock.shift(-86_400)
    await world.restart()
    await world.clock.advance(599)
    await fetchAll(world)
    await world.clock.advance(1)
    await expectNothing(world)
  })

  it('keeps nothing when it is told to', async () => {
    const world = await startReadyWorld({
      prepare: (server) => server.set({ entries: web }),
      config: { seal: { enabled: false } },
    })
    await fetchAll(world)
    await world.agent.stop()
    expect((await readdir(world.config.dataDir)).filter((name) => /seal|credentials/.test(name))).toEqual([])
    await world.server.down()
    await world.restart()
    await expectNothing(world)
  })

  it('removes what was kept when it is told to keep nothing from now on', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    await fetchAll(world)
    await world.agent.stop()
    expect(await readdir(world.config.dataDir)).toContain('credentials.sealed')
    const agent = await startAgent({ ...world.config, seal: { enabled: false } }, world)
    await agent.stop()
    expect((await readdir(world.config.dataDir)).filter((name) => /seal|credentials/.test(name))).toEqual([])
  })

  it('serves without a seal key that it cannot use, keeps nothing in the clear, and says so', async () => {
    const world = await startReadyWorld({
      prepare: (server) => server.set({ entries: web }),
      config: { seal: { enabled: true, keyFile: '/nonexistent/key' } },
    })
    await fetchAll(world)
    expect((await status(world)).durable).toEqual({ trouble: expect.stringContaining('/nonexistent/key') })
    await world.agent.stop()
    expect((await readdir(world.config.dataDir)).filter((name) => /seal|credentials/.test(name))).toEqual([])
  })
})

describe('what happened while the agent was away', () => {
  it('a tainted key: what it signed is served until the server is back, and replaced then', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web, jwtTtl: 3600 }) })
    const before = await fetchAll(world)
    await world.agent.stop()
    await world.server.down()
    await world.restart()
    const { authority } = world.server
    world.server.retired = authority
    world.server.tainted = authority.bundle().bundle.keys.map((key, index) => ({ authorityId: `old-${index}`, key }))
    world.server.authority = await TestAuthority.create('example.org', () => world.clock.now(), 'next')
    expect(await fetchAll(world)).toEqual(before)
    await world.server.up(authority)
    await world.clock.advance(5)
    await eventually(() => world.log.with(TAINTED).length > 0)
    for (const [index, credential] of (await fetchAll(world)).entries()) expect(credential).not.toEqual(before[index])
  })

  it('a key that was tainted before, when there was no other: what it signed is replaced all the same', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web, jwtTtl: 3600 }) })
    const before = await fetchAll(world)
    await world.clock.advance(2)
    // As a crash leaves it: what was written last is from before the taint.
    const saved = ['credentials.sealed', 'credentials.generation'].map((name) => join(world.config.dataDir, name))
    for (const file of saved) await copyFile(file, `${file}.copy`)
    const { authority } = world.server
    world.server.failing = true
    world.server.retired = authority
    world.server.authority = await TestAuthority.create('example.org', () => world.clock.now(), 'next')
    world.server.change(() => {
      world.server.tainted = authority.bundle().bundle.keys.map((key, index) => ({ authorityId: `old-${index}`, key }))
    })
    await eventually(() => world.log.with(TAINTED).length === 3)
    expect(await fetchAll(world)).toEqual(before)
    await world.agent.stop()
    for (const file of saved) await copyFile(`${file}.copy`, file)
    world.server.failing = false
    await world.restart()
    await eventually(() => world.log.with(TAINTED).length === 6)
    for (const [index, credential] of (await fetchAll(world)).entries()) expect(credential).not.toEqual(before[index])
  })

  it('a revoked key: nothing of what it signed is served once the server is back', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web, jwtTtl: 3600 }) })
    const [, , , before = ''] = await fetchAll(world)
    await world.agent.stop()
    await world.server.down()
    await world.restart()
    const { authority } = world.server
    const next = await TestAuthority.create('example.org', () => world.clock.now(), 'next')
    const bundle = authority.bundle()
    const keys = [...bundle.bundle.keys.filter(({ use }) => use !== 'jwt-svid'), ...next.bundle().bundle.keys]
    authority.bundle = () => ({ ...bundle, bundle: { ...bundle.bundle, keys } })
    authority.jwt = next.jwt.bind(next)
    await world.server.up(authority)
    await world.clock.advance(5)
    await eventually(() => world.server.streams === 1)
    const { svids } = await world.client().fetchJwtSvid({ audience: ['a'] })
    expect(svids[0]?.svid).not.toEqual(before)
    expect(decodeUnverifiedJws(svids[0]?.svid ?? '').header.kid).toBe('jwt-next')
  })

  it('a ban: nothing that was kept is served again, whenever the agent starts', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    await fetchAll(world)
    world.server.set({ banned: true })
    await world.clock.advance(30)
    await eventually(() => world.log.with('this node cannot prove itself to the server').length > 0)
    await world.agent.stop()
    const files = await readdir(world.config.dataDir)
    expect(files.filter((name) => ['sync.json', 'credentials.sealed'].includes(name))).toEqual([])
    await world.server.down()
    await world.restart()
    await expectNothing(world)
  })

  it("the agent's own identity ended: programs are served all the same, and it attests anew when it can", async () => {
    const world = await startReadyWorld({
      // Once while the server is away.
      tokens: ['good-token', 'second-token', 'second-token'],
      prepare: (server) =>
        server.set({ entries: web, agentTtl: 100, jwtTtl: 3600, tokens: new Set(['good-token', 'second-token']) }),
    })
    const before = await fetchAll(world)
    await world.agent.stop()
    await world.server.down()
    await world.clock.advance(101)
    await world.restart()
    expect(await fetchAll(world)).toEqual(before)
    await eventually(() => world.log.with('agent is not attested yet, will try again').length > 0)
    await world.server.up()
    await world.clock.advance(1)
    await eventually(() => world.server.count(ATTEST) === 2)
    expect(await fetchAll(world)).toEqual(before)
  })

  it('and it has no evidence: it says which command to run, in the log and in its status', async () => {
    const need = { say: 'a join token is needed', command: ['countersign', 'token', 'create'] }
    const world = await startReadyWorld({
      prepare: (server) => server.set({ entries: web, agentTtl: 100 }),
      describeNeed: (path) => ({ ...need, command: [...need.command, '--agent-path', path ?? 'none'] }),
    })
    await world.agent.stop()
    await world.clock.advance(101)
    await world.restart()
    const command = [...need.command, '--agent-path', '/one']
    await eventually(() => world.log.with('this node cannot prove itself to the server').length > 0)
    expect(world.log.with('this node cannot prove itself to the server')[0]?.fields).toMatchObject({
      needs: need.say,
      command: command.join(' '),
    })
    expect(await status(world)).toMatchObject({ state: 'ready', needs: [{ say: need.say, command }] })
  })

  it('all authorities were replaced: the operator brings the new bundle, and nothing is lost', async () => {
    const world = await startReadyWorld({
      tokens: ['good-token', 'second-token'],
      prepare: (server) => server.set({ entries: web, tokens: new Set(['good-token', 'second-token']) }),
    })
    await fetchAll(world)
    await world.agent.stop()
    await world.server.down()
    const next = await TestAuthority.create('example.org', () => world.clock.now(), 'next')
    world.server.authority = next
    const document = { ...next.bundle().bundle, spiffe_sequence: 2 }
    next.bundle = () => ({ trustDomain: 'example.org', bundle: document })
    await world.server.up(next)
    await world.restart()
    await eventually(() => world.log.with(LOST).length > 0)
    const file = join(world.folder, 'bundle.json')
    expect((await status(world)).needs).toEqual([
      { say: expect.stringContaining(file), command: ['countersign', 'bundle', 'show', '--format', 'spiffe'] },
    ])
    expect(world.server.count(ATTEST)).toBe(1)
    await writeFile(file, JSON.stringify(document))
    for (let round = 0; round < 20 && world.server.streams === 0; round++) await world.clock.advance(5)
    await eventually(() => world.server.streams === 1)
    expect(world.agent.agentId()).toBe(AGENT_ID)
    expect(world.server.count(ATTEST)).toBe(2)
    const { bundles } = await reader(world.client().fetchX509Bundles()).next()
    expect(Buffer.compare(bundles['spiffe://example.org'] ?? Buffer.alloc(0), next.certificate)).toBe(0)
    await fetchAll(world)
  })

  it('the operator brought a newer bundle before the start: what the server said last does not undo it', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    await world.agent.stop()
    await world.server.down()
    const next = await TestAuthority.create('example.org', () => world.clock.now(), 'next')
    await writeFile(join(world.folder, 'bundle.json'), JSON.stringify({ ...next.bundle().bundle, spiffe_sequence: 2 }))
    await world.restart()
    const { bundles } = await reader(world.client().fetchX509Bundles()).next()
    expect(Buffer.compare(bundles['spiffe://example.org'] ?? Buffer.alloc(0), next.certificate)).toBe(0)
  })
})

describe('a machine that sleeps', () => {
  it('renews everything that is due as soon as it wakes', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web, jwtTtl: 3600 }) })
    const stream = reader(world.client().fetchX509Svid())
    const { svids: before } = await stream.next()
    const [, , , jwt] = await fetchAll(world)
    world.clock.shift(2000)
    await world.clock.advance(2)
    const { svids: after } = await stream.next()
    expect(after[0]?.x509Svid).not.toEqual(before[0]?.x509Svid)
    await eventually(() => world.log.with('agent identity renewed').length === 1)
    await eventually(() => world.server.count('POST /v1/agent/jwt-svids') === 2)
    expect((await fetchAll(world))[3]).not.toEqual(jwt)
    expect(world.server.count('POST /v1/agent/jwt-svids')).toBe(2)
    await eventually(() => world.server.count('GET /v1/agent/events') >= 2)
  })

  it('attests anew when it slept longer than its identity lives, and pushes nothing that has ended', async () => {
    const world = await startReadyWorld({
      tokens: ['good-token', 'second-token'],
      prepare: (server) => server.set({ entries: web, tokens: new Set(['good-token', 'second-token']) }),
    })
    const stream = reader(world.client().fetchX509Svid())
    const { svids: before } = await stream.next()
    world.clock.shift(8 * 3600)
    const next = stream.next().then(
      ({ svids }) => expect(svids[0]?.x509Svid).not.toEqual(before[0]?.x509Svid),
      (error) => expect(error).toMatchObject(UNAVAILABLE),
    )
    // The old one is gone from the very moment, before anything has noticed.
    world.server.failing = true
    await expectNothing(world)
    world.server.failing = false
    await world.clock.advance(2)
    await eventually(() => world.server.count(ATTEST) === 2)
    await next
    await eventually(() => world.server.streams === 1)
    await fetchAll(world)
  })

  it('takes an identity away whose entry ended in its sleep, server or no server', async () => {
    const world = await startReadyWorld({
      prepare: (server) => server.set({ entries: [entry('e1', '/web', { expiresAt: server.clock.now() + 600 })] }),
    })
    const stream = reader(world.client().fetchX509Svid())
    await stream.next()
    await world.server.down()
    const withdrawn = expect(stream.next()).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_DENIED' })
    world.clock.shift(700)
    await world.clock.advance(2)
    await withdrawn
  })

  it('renews what is measured by a clock that was set back', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: web }) })
    const stream = reader(world.client().fetchX509Svid())
    const { svids: before } = await stream.next()
    await world.clock.advance(60)
    world.clock.shift(-30)
    await world.clock.advance(2)
    const { svids: after } = await stream.next()
    expect(after[0]?.x509Svid).not.toEqual(before[0]?.x509Svid)
    await eventually(() => world.log.with('agent identity renewed').length === 1)
    expect(world.agent.agentId()).toBe(AGENT_ID)
  })
})

describe('a state folder', () => {
  it('is for one agent at a time', async () => {
    const world = await startReadyWorld()
    const second = { ...world.config, socket: join(world.folder, 'second.sock') }
    await expect(startAgent(second, { log: world.log })).rejects.toMatchObject({
      code: 'ERR_AGENT_STATE_LOCKED',
      detail: expect.stringContaining(`process ${process.pid}`),
    })
    await world.agent.stop()
    await world.restart()
  })

  it('is free again when a start failed', async () => {
    const world = await startReadyWorld()
    await world.agent.stop()
    const other = { ...world.config, socket: join(world.folder, 'bundle.json') }
    await expect(startAgent(other, { log: world.log })).rejects.toMatchObject({ code: 'ERR_AGENT_SOCKET_IN_USE' })
    await world.restart()
  })
})
