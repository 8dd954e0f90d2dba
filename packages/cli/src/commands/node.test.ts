import type { Node } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'

const AGENT_ID = 'spiffe://example.org/countersign/agent/n1'

function node(change: Partial<Node>): Node {
  const selectors = [{ type: 'join', value: 'a' }]
  return { agentId: AGENT_ID, attestor: 'join-token', selectors, attestedAt: NOW - 10, expiresAt: NOW + 720, ...change }
}

describe('node list', () => {
  it('tells active, expired and banned nodes apart', async () => {
    const nodes = [node({}), node({ expiresAt: NOW }), node({ bannedAt: NOW - 5 })]
    const { socketPath } = await startAdminServer({ 'GET /v1/nodes': { body: { nodes } } })
    const { code, stdout } = await runCli(['node', 'list', '--admin-socket', socketPath])
    expect(code).toBe(0)
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/).slice(1, 4))).toEqual([
      ['ATTESTOR', 'STATE', 'EXPIRES'],
      ['join-token', 'active', 'in 12 min'],
      ['join-token', 'expired', 'now'],
      ['join-token', 'banned', 'in 12 min'],
      [],
    ])
    const json = await runCli(['node', 'list', '--admin-socket', socketPath, '--output', 'json'])
    expect(JSON.parse(json.stdout)).toEqual({ nodes })
  })

  it('says when there are none', async () => {
    const { socketPath } = await startAdminServer({ 'GET /v1/nodes': { body: { nodes: [] } } })
    expect((await runCli(['node', 'list', '--admin-socket', socketPath])).stdout).toBe('no nodes\n')
  })
})

describe.each([
  ['ban', 'banned'],
  ['evict', 'evicted'],
])('node %s', (verb, past) => {
  it('names the agent to the server', async () => {
    const { socketPath, requests } = await startAdminServer({ [`POST /v1/nodes/${verb}`]: { status: 204 } })
    const result = await runCli(['node', verb, AGENT_ID, '--admin-socket', socketPath])
    expect(result).toEqual({ code: 0, stdout: `${past} ${AGENT_ID}\n`, stderr: '' })
    expect(requests).toEqual([{ method: 'POST', url: `/v1/nodes/${verb}`, body: { agentId: AGENT_ID } }])
    const json = await runCli(['node', verb, AGENT_ID, '--admin-socket', socketPath, '--output', 'json'])
    expect(JSON.parse(json.stdout)).toEqual({ agentId: AGENT_ID, [past]: true })
  })

  it('calls a malformed identifier a usage error', async () => {
    expect((await runCli(['node', verb, 'n1'])).code).toBe(2)
  })

  it("passes the server's refusal on", async () => {
    const { socketPath } = await startAdminServer({})
    expect((await runCli(['node', verb, AGENT_ID, '--admin-socket', socketPath])).code).toBe(1)
  })
})
