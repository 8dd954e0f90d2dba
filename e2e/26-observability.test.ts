/** Both programs are watched while something goes right, something is refused and the server dies; log levels change. */
import { afterEach, expect, it } from 'vitest'
import { countersign } from './support/program.ts'
import { telemetryOf } from './support/telemetry.ts'
import { TrustDomain } from './support/trust-domain.ts'

const TELEMETRY = 'telemetry: { port: 0 }\n'

let domain: TrustDomain
afterEach(() => domain.remove())

async function start(serverSettings = '') {
  domain = await TrustDomain.create('example.org', `${TELEMETRY}${serverSettings}`, TELEMETRY)
  const server = await domain.startServer()
  const agentId = await domain.invite()
  const agent = await domain.startAgent()
  await agent.untilOutput(/connected to the server/)
  return { server, agent, agentId, watchServer: telemetryOf(server), watchAgent: telemetryOf(agent) }
}

const register = (agentId: string) =>
  domain.admin(
    ...['entry', 'create', '--id', 'spiffe://example.org/orders', '--parent', agentId],
    ...['--selector', `unix:uid:${process.getuid?.() ?? 0}`],
  )
const fetchX509 = () => countersign(['x509', 'fetch', '--socket', domain.endpoint, '--output', 'json'])
const health = (noun: string, option: string, socket: string) =>
  countersign([noun, 'health', option, socket, '--output', 'json'])

it('counters say what went right and what was refused', async () => {
  const { agentId, watchServer, watchAgent } = await start()
  expect((await fetchX509()).exitCode).toBe(1)
  expect(await watchAgent.value('countersign_agent_denials_total{reason="no_identity"}')).toBeGreaterThanOrEqual(1)
  expect(await watchServer.value('countersign_server_credentials_issued_total{kind="x509-svid"}')).toBe(0)

  await register(agentId)
  await expect.poll(async () => (await fetchX509()).exitCode, { timeout: 20_000 }).toBe(0)
  const issued = 'kind="x509-svid",outcome="issued",reason="none"'
  expect(await watchAgent.value(`countersign_agent_credential_fetches_total{${issued}}`)).toBe(1)
  expect(await watchServer.value('countersign_server_credentials_issued_total{kind="x509-svid"}')).toBe(1)
  expect(await watchServer.value('countersign_server_nodes{state="active"}')).toBe(1)
  expect(await watchServer.value('countersign_server_sync_streams')).toBe(1)
  const joined = 'attestor="join-token",outcome="success",reason="none"'
  expect(await watchServer.value(`countersign_server_node_attestations_total{${joined}}`)).toBe(1)
  expect(await watchServer.value('countersign_server_ready')).toBe(1)
  expect((await watchServer.ready()).status).toBe(200)
  expect(await health('server', '--admin-socket', domain.adminSocket)).toMatchObject({ exitCode: 0 })
  expect(await health('agent', '--operator-socket', domain.operatorSocket)).toMatchObject({ exitCode: 0 })
})

it('an agent whose server was killed says so, and is not ready when nothing is left to serve', async () => {
  const { server, agent, agentId, watchAgent } = await start('svids: { agentTtl: 20, x509Ttl: 20 }\n')
  await register(agentId)
  await expect.poll(async () => (await fetchX509()).exitCode, { timeout: 20_000 }).toBe(0)
  expect((await watchAgent.ready()).status).toBe(200)

  await server.kill()
  await agent.untilOutput(/connection to the server is lost/)
  const reasonOf = async (check: string) =>
    (await watchAgent.ready()).checks.find(({ name }) => name === check)?.reason ?? 'ok'
  await expect
    .poll(() => reasonOf('server'), { timeout: 20_000 })
    .toMatch(/^last heard of \d+ seconds ago: ERR_AGENT_SERVER_/)
  expect(await watchAgent.value('countersign_agent_server_connected')).toBe(0)
  // Cut off, it serves what it holds.
  expect((await fetchX509()).exitCode).toBe(0)

  await expect.poll(async () => (await watchAgent.ready()).status, { timeout: 40_000, interval: 250 }).toBe(503)
  expect(await reasonOf('identity')).toContain('keeps nothing to serve')
  expect((await fetchX509()).exitCode).toBe(1)
  expect(await watchAgent.live()).toBe(200)
  expect(await watchAgent.value('countersign_agent_ready')).toBe(0)
  const told = await health('agent', '--operator-socket', domain.operatorSocket)
  expect(told.exitCode).toBe(1)
  expect(JSON.parse(told.stdout)).toMatchObject({ ready: false })
  // Neither probes nor scrapes are an error of the program.
  const errors = agent.log.filter(({ level, msg }) => level === 'error' && !String(msg).includes('identity'))
  expect(errors.filter(({ msg }) => !/cannot prove itself/.test(String(msg)))).toEqual([])
})

it('what is logged changes while the programs run, and changes back by itself', async () => {
  const { server, agent } = await start()
  const debugLines = (program: typeof server) => program.log.filter(({ level }) => level === 'debug').length
  expect([debugLines(server), debugLines(agent)]).toEqual([0, 0])

  const set = await domain.admin('server', 'log-level', 'set', 'debug', '--component', 'admin', '--for', '2s')
  expect(set).toMatchObject({ level: 'info', configured: 'info' })
  const level = async () => {
    const { components } = (await domain.admin('server', 'log-level', 'get')) as {
      components: { name: string; level: string }[]
    }
    return components.find(({ name }) => name === 'admin')?.level
  }
  expect(await level()).toBe('debug')
  await server.until(() => debugLines(server) > 0, 'a debug line')
  expect(server.log.filter((line) => line['level'] === 'debug').every((line) => line['listener'] === 'admin')).toBe(
    true,
  )
  await expect.poll(level, { timeout: 20_000 }).toBe('info')
  const before = debugLines(server)
  await domain.admin('node', 'list')
  expect(debugLines(server)).toBe(before)

  const onAgent = (...args: string[]) =>
    countersign(['agent', 'log-level', ...args, '--operator-socket', domain.operatorSocket, '--output', 'json'])
  expect(JSON.parse((await onAgent('set', 'debug')).stdout)).toMatchObject({ level: 'debug' })
  expect(JSON.parse((await onAgent('reset')).stdout)).toMatchObject({ level: 'info' })
  await agent.untilOutput(/operator changes what is logged/)
  const wrong = await onAgent('set', 'debug', '--component', 'nobody')
  expect(wrong.exitCode).toBe(1)
  expect(wrong.stderr).toContain('no component of the log has this name')
})
