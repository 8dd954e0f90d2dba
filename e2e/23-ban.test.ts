/** A ban takes hold at once: of the agent's open stream, its next call, what it asks to have issued, and in the audit log. */

import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { countersign, type Program } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const WORKLOAD = fileURLToPath(new URL('./support/workload.mjs', import.meta.url))

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

const register = (path: string, parent: string, selector: string) =>
  domain.admin(
    ...['entry', 'create', '--id', `spiffe://example.org${path}`, '--parent', parent, '--selector', selector],
  )

const events = (program: Program, event: string) => program.log.filter((line) => line['event'] === event)

it('an agent that is banned is stopped at once', { timeout: 120_000 }, async () => {
  const server = await domain.startServer()
  const agentId = await domain.invite('/node')
  await register('/orders', agentId, `unix:uid:${process.getuid?.() ?? 0}`)
  const agent = await domain.startAgent()
  const orders = domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
  await orders.untilOutput(/"identities":\["spiffe:\/\/example.org\/orders"\]/)
  const issuedBefore = events(server, 'credential.issued').length

  await domain.admin('node', 'ban', agentId)
  // It learns it from the end of its stream, and from the answer to the call that it makes to open another.
  await agent.untilOutput(/server does not accept this agent any more \(banned/)
  await server.until(() => events(server, 'node.refused').length > 0, 'it refused the agent')
  expect(events(server, 'node.refused')[0]).toMatchObject({ agentId, code: 'ERR_NODE_BANNED' })
  expect(events(server, 'admin.called').at(-1)).toMatchObject({
    subject: `uid:${process.getuid?.()}`,
    action: 'node.ban',
    role: 'operator',
    resource: agentId,
    decision: 'allowed',
  })
  // The program that follows is told, and another gets nothing.
  await orders.untilOutput(/"retry":"ERR_WORKLOAD_API_DENIED"/)
  const late = await countersign(['x509', 'fetch'], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
  expect(late.exitCode).toBe(1)
  expect(events(server, 'credential.issued')).toHaveLength(issuedBefore)
})
