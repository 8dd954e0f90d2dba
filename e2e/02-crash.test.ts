/** Any process may be killed at any instant: what was acknowledged is still there, and nobody has to repair anything. */
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countersign, type Program } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const WORKLOAD = fileURLToPath(new URL('./support/workload.mjs', import.meta.url))
const SELECTORS = [`--selector=unix:uid:${process.getuid?.()}`, `--selector=unix:script:path:${WORKLOAD}`]

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

function startWorkload(): Program {
  return domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
}

describe('a killed process', () => {
  it('server: every acknowledged entry is there after the restart, and the agent goes on by itself', async () => {
    const server = await domain.startServer()
    const parent = await domain.invite()
    await domain.startAgent()
    const acknowledged: string[] = []
    const create = async (number: number) => {
      const id = `spiffe://example.org/w${number}`
      const result = await countersign([
        'entry',
        'create',
        '--id',
        id,
        '--parent',
        parent,
        `--selector=unix:uid:${90_000 + number}`,
        '--admin-socket',
        domain.adminSocket,
      ])
      if (result.exitCode === 0) acknowledged.push(id)
    }
    const writes = Array.from({ length: 8 }, (_, number) => create(number))
    await Promise.race(writes)
    await server.kill()
    await Promise.all(writes)
    expect(acknowledged.length).toBeGreaterThan(0)

    await domain.startServer()
    const { entries } = await domain.admin('entry', 'list')
    const ids = (entries as { spiffeId: string }[]).map(({ spiffeId }) => spiffeId)
    expect(ids).toEqual(expect.arrayContaining(acknowledged))

    await domain.admin('entry', 'create', '--id', 'spiffe://example.org/after', '--parent', parent, ...SELECTORS)
    const workload = startWorkload()
    await workload.untilOutput(/"identities":\["spiffe:\/\/example\.org\/after"\]/)
  })

  it('agent: comes back with the identity it had, without a new join token, and its programs notice nothing but a retry', async () => {
    await domain.startServer()
    const parent = await domain.invite()
    const agent = await domain.startAgent()
    await domain.admin('entry', 'create', '--id', 'spiffe://example.org/app', '--parent', parent, ...SELECTORS)
    const workload = startWorkload()
    await workload.untilOutput(/"identities":\["spiffe:\/\/example\.org\/app"\]/)

    const start = workload.output.length
    await agent.kill()
    await workload.until(() => workload.output.slice(start).includes('"retry"'), 'it noticed')
    const before = workload.output.length
    await domain.startAgent()
    await workload.until(
      () => workload.output.slice(before).includes('"identities":["spiffe://example.org/app"]'),
      'served again',
    )
    const { nodes } = await domain.admin('node', 'list')
    expect(nodes).toHaveLength(1)
  })

  it('server away: the agent keeps serving what it holds, also to programs that start now, and says what it is waiting for', async () => {
    const server = await domain.startServer()
    const parent = await domain.invite()
    const agent = await domain.startAgent()
    await domain.admin('entry', 'create', '--id', 'spiffe://example.org/app', '--parent', parent, ...SELECTORS)
    const first = startWorkload()
    await first.untilOutput(/"identities":\["spiffe:\/\/example\.org\/app"\]/)

    await server.kill()
    await agent.until(
      () => agent.log.some(({ level, msg }) => level === 'warn' && /server/.test(String(msg))),
      'it noticed',
    )
    const second = startWorkload()
    await second.untilOutput(/"identities":\["spiffe:\/\/example\.org\/app"\]/)
  })
})

describe('an agent that starts before its server', () => {
  it('says so plainly, retries by itself, and serves as soon as the server is there', async () => {
    const server = await domain.startServer()
    const parent = await domain.invite()
    await domain.admin('entry', 'create', '--id', 'spiffe://example.org/app', '--parent', parent, ...SELECTORS)
    await server.stop()

    const agent = await domain.startAgent()
    const workload = startWorkload()
    await workload.untilOutput(/"retry":"ERR_WORKLOAD_API_UNAVAILABLE"/)
    await agent.until(() => agent.log.some(({ level }) => level === 'warn'), 'it warned')
    await domain.startServer()
    await workload.untilOutput(/"identities":\["spiffe:\/\/example\.org\/app"\]/)
  })
})
