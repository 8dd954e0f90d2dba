/** A broker asks the agent for the identities of other programs: it gets those it may have, for as long as they run. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { COMMAND, countersign, type Program } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const BROKER = fileURLToPath(new URL('./support/broker.mjs', import.meta.url))
const WORKLOAD = fileURLToPath(new URL('./support/workload.mjs', import.meta.url))

/** Entries reach the agent soon, not at once. */
const PATIENCE = { timeout: 30_000, interval: 100 }

let domain: TrustDomain
let agent: Program
let agentId: string
beforeEach(async () => {
  domain = await TrustDomain.create()
  appendFileSync(
    domain.agentConfig,
    `broker:
  socket: ./agent/broker.sock
  brokers:
    - id: spiffe://example.org/mesh/proxy
      identities: [{ root: spiffe://example.org/shop, match: descendants }]
`,
  )
  await domain.startServer()
  agentId = await domain.invite()
  agent = await domain.startAgent()
  await register('/mesh/proxy', `unix:script:path:${BROKER}`)
  await register('/shop/web', `unix:script:path:${WORKLOAD}`)
})
afterEach(() => domain.remove())

const brokerEnv = () => ({
  SPIFFE_ENDPOINT_SOCKET: domain.endpoint,
  SPIFFE_BROKER_SOCKET: `unix://${join(domain.folder, 'agent', 'broker.sock')}`,
})

async function register(path: string, selector: string): Promise<void> {
  await domain.admin(
    'entry',
    'create',
    '--id',
    `spiffe://example.org${path}`,
    '--parent',
    agentId,
    `--selector=${selector}`,
  )
}

it('gives a broker what it may have, nothing else, and no longer than the process runs', async () => {
  const workload = domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
  await workload.untilOutput(/spiffe:\/\/example\.org\/shop\/web/)
  // The agent's own process runs the command, which is registered as a workload that is none of the broker's business.
  await register('/admin', `unix:script:path:${COMMAND}`)
  const broker = domain.start([BROKER, agentId, String(workload.pid), String(agent.pid)], brokerEnv())
  await broker.untilOutput(new RegExp(`"pid":${workload.pid},"ids":\\["spiffe://example.org/shop/web"\\]`))
  await broker.untilOutput(new RegExp(`"pid":${agent.pid},"ended":"ERR_BROKER_API_NOT_ENTITLED"`))
  expect(broker.output).not.toContain('spiffe://example.org/admin')
  await workload.kill()
  await broker.untilOutput(new RegExp(`"pid":${workload.pid},"ended":"ERR_BROKER_API_NOT_FOUND"`))
  expect(await broker.finished()).toMatchObject({ exitCode: 0 })

  const decisions = agent.log.filter(({ msg }) => /^broker request/.test(String(msg)))
  expect(decisions.map(({ broker: id, pid, answer }) => [id, pid, answer])).toEqual(
    expect.arrayContaining([
      ['spiffe://example.org/mesh/proxy', workload.pid, 'OK'],
      ['spiffe://example.org/mesh/proxy', agent.pid, 'PERMISSION_DENIED'],
      ['spiffe://example.org/mesh/proxy', workload.pid, 'NOT_FOUND'],
    ]),
  )
})

it('serves the command line, as the broker that it is registered as and as no other program', async () => {
  const workload = domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
  await workload.untilOutput(/spiffe:\/\/example\.org\/shop\/web/)
  const fetch = (kind: string, ...more: string[]) =>
    countersign(
      ['broker', kind, 'fetch', '--pid', String(workload.pid), '--agent-id', agentId, '--output', 'json', ...more],
      brokerEnv(),
    )
  await register('/stranger', `unix:script:path:${COMMAND}`)
  await expect
    .poll(() => fetch('x509'), PATIENCE)
    .toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/ERR_BROKER_API_DENIED[\s\S]*broker\.brokers/) })

  const { entries } = await domain.admin('entry', 'list')
  const stranger = (entries as { id: string; spiffeId: string }[]).find(({ spiffeId }) =>
    spiffeId.endsWith('/stranger'),
  )
  await domain.admin('entry', 'delete', stranger?.id ?? '')
  await register('/mesh/proxy', `unix:script:path:${COMMAND}`)
  await expect
    .poll(() => fetch('x509'), PATIENCE)
    .toMatchObject({ exitCode: 0, stdout: expect.stringContaining('spiffe://example.org/shop/web') })
  const jwt = await fetch('jwt', '--audience', 'orders')
  const [svid] = JSON.parse(jwt.stdout).svids
  const { sub, aud } = JSON.parse(Buffer.from(svid.token.split('.')[1], 'base64url').toString())
  expect([sub, aud]).toEqual(['spiffe://example.org/shop/web', ['orders']])

  const impostor = await fetch('x509', '--agent-id', `${agentId}/other`)
  expect(impostor.stderr).toMatch(/ERR_BROKER_API_UNAVAILABLE/)
})
