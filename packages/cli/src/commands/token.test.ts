import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'

const TOKEN = { token: 'tok', agentId: 'spiffe://example.org/countersign/agent/node-1', expiresAt: NOW + 600 }

describe('token create', () => {
  it('prints the token once, with the agent id and the end', async () => {
    const { socketPath, requests } = await startAdminServer({ 'POST /v1/join-tokens': { status: 201, body: TOKEN } })
    const result = await runCli([
      ...['token', 'create', '--ttl', '10m', '--agent-path', '/node-1', '--admin-socket', socketPath],
    ])
    expect(requests[0]?.body).toEqual({ ttl: 600, agentPath: '/node-1' })
    expect(result).toEqual({
      code: 0,
      stdout: [
        'token     tok',
        'agent id  spiffe://example.org/countersign/agent/node-1',
        'expires   2026-11-22T22:10:00Z, in 10 min',
        '',
      ].join('\n'),
      stderr: 'The token is shown this once; the server keeps only its hash.\n',
    })
  })

  it('passes on the selectors that the node is to have', async () => {
    const { socketPath, requests } = await startAdminServer({ 'POST /v1/join-tokens': { status: 201, body: TOKEN } })
    await runCli(['token', 'create', '--selector', 'role:db', '--selector', 'rack:7', '--admin-socket', socketPath])
    expect(requests[0]?.body).toEqual({ selectors: ['role:db', 'rack:7'] })
  })

  it('leaves defaults to the server, and prints JSON alone', async () => {
    const { socketPath, requests } = await startAdminServer({ 'POST /v1/join-tokens': { status: 201, body: TOKEN } })
    const result = await runCli(['token', 'create', '--admin-socket', socketPath, '--output', 'json'])
    expect(requests[0]?.body).toEqual({})
    expect(JSON.parse(result.stdout)).toEqual(TOKEN)
    expect(result.stderr).toBe('')
  })
})
