import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { askOperator } from '../test-support/ask-operator.ts'
import { AGENT_ID, entry } from '../test-support/fake-server.ts'
import { eventually, reader, startReadyWorld, startWorld, type World } from '../test-support/running-agent.ts'

const ask = (world: World, path: string, method?: string) => askOperator(world.config.operator.socket, path, method)
const explain = async (world: World, pid = process.pid) => (await ask(world, `/v1/explain?pid=${pid}`)).body

describe('operator API', () => {
  it('says how the agent is', async () => {
    const prepare = (server: World['server']) => server.set({ entries: [entry('e1', '/web'), entry('e2', '/two')] })
    const world = await startReadyWorld({ prepare })
    const client = world.client()
    await reader(client.fetchX509Svid()).next()
    await client.fetchJwtSvid({ audience: ['a'], spiffeId: 'spiffe://example.org/web' })
    const { status, headers, body } = await ask(world, '/v1/status')
    expect(status).toBe(200)
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' })
    expect(body).toEqual({
      trustDomain: 'example.org',
      state: 'ready',
      startedAt: world.clock.now(),
      agentId: AGENT_ID,
      expiresAt: world.clock.now() + 3600,
      server: { url: world.server.url, connected: true, heardAt: world.clock.now() },
      revision: 1,
      entries: 2,
      bundles: ['example.org'],
      credentials: { x509: 2, jwt: 1, wit: 0 },
      durable: {},
      connections: 1,
      socket: world.config.socket,
    })
  })

  it('says since when and why the server is away', async () => {
    const world = await startReadyWorld()
    await world.server.down()
    await eventually(
      () => world.log.with('connection to the server is lost, valid identities are still served').length > 0,
    )
    const { body } = await ask(world, '/v1/status')
    expect(body).toMatchObject({
      state: 'ready',
      server: {
        connected: false,
        heardAt: expect.any(Number),
        trouble: { code: expect.stringMatching(/^ERR_AGENT_SERVER_/) },
      },
    })
  })

  it('says why the agent is not attested', async () => {
    const world = await startWorld({ tokens: [] })
    await eventually(() => world.log.with('this node cannot prove itself to the server').length > 0)
    const { body } = await ask(world, '/v1/status')
    expect(body).toMatchObject({
      state: 'starting',
      server: { connected: false, trouble: { message: 'a new join token is needed' } },
    })
    expect(body).not.toHaveProperty('agentId')
    expect(await explain(world)).toMatchObject({ outcome: 'agent-not-ready', identities: [] })
  })

  it('explains a running process as the Workload API would answer it', async () => {
    const world = await startReadyWorld({ prepare: (server) => server.set({ entries: [entry('e1', '/web')] }) })
    expect(await explain(world)).toMatchObject({
      outcome: 'identity',
      process: { pid: process.pid, program: process.execPath },
      identities: [{ entryId: 'e1', spiffeId: 'spiffe://example.org/web' }],
    })
    world.programs.selectors = [{ type: 'test', value: 'another' }]
    expect(await explain(world)).toMatchObject({
      outcome: 'no-identity',
      nearest: [{ entryId: 'e1', missing: ['test:all'] }],
    })
    world.programs.fail = true
    expect(await explain(world)).toMatchObject({ outcome: 'not-attested' })
    expect(world.log.with('no identity issued')).toEqual([])
    expect(world.server.requests.filter((each) => /svids/.test(each))).toEqual([])
  })

  it.each([
    ['GET', '/v1/explain', '400 ERR_OPERATOR_REQUEST'],
    ['GET', '/v1/explain?pid=', '400 ERR_OPERATOR_REQUEST'],
    ['GET', '/v1/explain?pid=0', '400 ERR_OPERATOR_REQUEST'],
    ['GET', '/v1/explain?pid=-1', '400 ERR_OPERATOR_REQUEST'],
    ['GET', '/v1/explain?pid=1e3', '400 ERR_OPERATOR_REQUEST'],
    ['GET', '/v1/explain?pid=1&pid=2', '400 ERR_OPERATOR_REQUEST'],
    ['GET', '/v1/explain?pid=1&uid=2', '400 ERR_OPERATOR_REQUEST'],
    ['GET', '/v1/explain?pid=1/../../self', '400 ERR_OPERATOR_REQUEST'],
    ['GET', '/v1/explain?pid=4194305', '404 ERR_OPERATOR_NO_PROCESS'],
    ['POST', '/v1/explain?pid=1', '405 ERR_OPERATOR_METHOD'],
    ['GET', '/v1/nothing', '404 ERR_OPERATOR_NOT_FOUND'],
    ['GET', '/constructor', '404 ERR_OPERATOR_NOT_FOUND'],
  ])('answers %s %s with %s', async (method, path, refusal) => {
    const world = await startWorld()
    const { status, headers, body } = await ask(world, path, method)
    expect(`${status} ${body.code}`).toBe(refusal)
    expect(body).toMatchObject({ status, title: expect.any(String), type: `urn:countersign:error:${body.code}` })
    expect(headers['content-type']).toBe('application/problem+json')
    expect(headers['allow']).toBe(status === 405 ? 'GET' : undefined)
  })

  it('is not there when it is switched off, and is gone when the agent stops', async () => {
    const world = await startWorld()
    const { socket } = world.config.operator
    expect(existsSync(socket)).toBe(true)
    await world.agent.stop()
    expect(existsSync(socket)).toBe(false)
    const off = await startWorld({ config: { operator: { enabled: false, socket } } })
    expect(off.agent.operatorSocketPath).toBeUndefined()
    expect(existsSync(socket)).toBe(false)
  })

  it('says whether the agent can serve', async () => {
    const world = await startReadyWorld()
    expect((await ask(world, '/v1/health')).body).toEqual({
      ready: true,
      checks: [
        { name: 'registration', status: 'ok' },
        { name: 'identity', status: 'ok' },
        { name: 'server', status: 'ok' },
      ],
    })
  })

  it('changes what is logged, for a time', async () => {
    const world = await startReadyWorld()
    const path = world.config.operator.socket
    const change = JSON.stringify({ level: 'debug', component: 'issuance', forSeconds: 60 })
    const { status, body } = await askOperator(path, '/v1/log-level', 'PUT', change)
    expect([status, body.components]).toEqual([
      200,
      [{ name: 'issuance', level: 'debug', until: world.clock.now() + 60 }],
    ])
    expect(world.log.with('operator changes what is logged')).toMatchObject([
      { fields: { logLevel: 'debug', part: 'issuance' } },
    ])
    expect((await ask(world, '/v1/log-level')).body.level).toBe('info')
    await askOperator(path, '/v1/log-level/reset', 'POST', '{}')
    expect(world.logLevels.levelOf('issuance')).toBe('info')
  })

  it.each([
    ['a component that is not there', '{"level":"debug","component":"nobody"}'],
    ['a level that is none', '{"level":"loud"}'],
    ['a member twice', '{"level":"debug","level":"error"}'],
    ['a member that is not known', '{"level":"debug","colour":"red"}'],
    ['more than it reads', `{"level":"debug"}${' '.repeat(5000)}`],
    ['nothing', ''],
  ])('refuses to change to %s', async (_, text) => {
    const world = await startReadyWorld()
    const reply = await askOperator(world.config.operator.socket, '/v1/log-level', 'PUT', text)
    expect([reply.status, reply.body.code]).toEqual([400, 'ERR_OPERATOR_REQUEST'])
    expect(world.logLevels.report().level).toBe('info')
  })

  it('tells which methods a resource takes', async () => {
    const world = await startReadyWorld()
    const reply = await ask(world, '/v1/log-level', 'DELETE')
    expect([reply.status, reply.headers['allow']]).toEqual([405, 'GET, PUT'])
  })
})
