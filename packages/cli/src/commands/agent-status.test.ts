import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentStatus } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { AdminSocketError, type AdminSocketErrorCode } from '../admin/admin-socket-error.ts'
import { asOperatorSocketError } from '../operator/operator-socket-error.ts'
import { startAdminServer } from '../test-support/admin-server.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const ready: AgentStatus = {
  trustDomain: 'example.org',
  state: 'ready',
  startedAt: NOW - 3_600,
  agentId: 'spiffe://example.org/countersign/agent/n1',
  expiresAt: NOW + 720,
  server: { url: 'https://server:8441', connected: true, heardAt: NOW - 5 },
  revision: 7,
  entries: 3,
  bundles: ['example.org', 'other.org'],
  credentials: { x509: 2, jwt: 1, wit: 0 },
  durable: { savedAt: NOW - 12 },
  connections: 4,
  socket: '/run/countersign/workload.sock',
}

async function status(body: AgentStatus, ...more: string[]) {
  const { socketPath } = await startAdminServer({ 'GET /v1/status': { body } })
  return runCli(['agent', 'status', ...more], { env: { COUNTERSIGN_OPERATOR_SOCKET: socketPath } })
}

describe('agent status', () => {
  it('shows what an operator asks first', async () => {
    const { code, stdout } = await status(ready)
    expect(code).toBe(0)
    expect(stdout).toBe(
      [
        'state         ready',
        'trust domain  example.org',
        'agent id      spiffe://example.org/countersign/agent/n1',
        'svid expires  2026-11-22T22:12:00Z, in 12 min',
        'server        https://server:8441',
        '              connected, last heard of 5 s ago',
        'running for   1 h',
        'revision      7',
        'entries       3',
        'bundles       example.org',
        '              other.org',
        'credentials   2 X509-SVID, 1 JWT-SVID, 0 WIT-SVID',
        'kept on disk  as of 12 s ago',
        'connections   4',
        'workload API  unix:///run/countersign/workload.sock',
        '',
      ].join('\n'),
    )
    expect(JSON.parse((await status(ready, '--output', 'json')).stdout)).toEqual(ready)
  })

  it('says what is wrong with an agent that cannot attest', async () => {
    const { agentId: _, expiresAt: __, ...rest } = ready
    const trouble = { code: 'ERR_ATTESTATION_TOKEN_UNKNOWN', message: 'join token is unknown', detail: 'spent' }
    const { stdout } = await status({
      ...rest,
      state: 'starting',
      bundles: [],
      server: { url: 'https://server:8441', connected: false, trouble },
    })
    expect(stdout).toMatch(/^state +starting: /)
    expect(stdout).toMatch(/^agent id +not attested yet$/m)
    expect(stdout).toMatch(/^ +not connected, not heard of yet$/m)
    expect(stdout).toMatch(/^trouble +join token is unknown \(ERR_ATTESTATION_TOKEN_UNKNOWN\)\n +spent$/m)
  })

  it('says what only an operator can do, with the command for it', async () => {
    const { stdout } = await status({
      ...ready,
      expiresAt: NOW - 60,
      needs: [{ say: 'bring a token', command: ['countersign', 'token', 'create', '--agent-path', '/n 1'] }],
      durable: { trouble: 'no space' },
    })
    expect(stdout).toMatch(/^svid expired +\S+, 1 min ago$/m)
    expect(stdout).toMatch(/^kept on disk +nothing yet\n +no space$/m)
    expect(stdout).toMatch(/\n\nWhat to do\n- bring a token\n {2}\$ countersign token create --agent-path '\/n 1'\n$/)
  })

  it('says what to do when no agent runs', async () => {
    const socket = join(await temporaryFolder(), 'operator.sock')
    const ask = () => runCli(['agent', 'status', '--operator-socket', socket])
    const missing = await ask()
    expect(missing.code).toBe(1)
    expect(missing.stderr).toContain(
      `error: no operator socket at ${socket} (ERR_OPERATOR_SOCKET_MISSING)\nhint: start the agent`,
    )
    await writeFile(socket, '')
    expect((await ask()).stderr).toContain('(ERR_OPERATOR_SOCKET_REFUSED)\nhint: the socket is a leftover of an agent')
  })

  it('does not take any answer for that of an agent', async () => {
    const { socketPath } = await startAdminServer({ 'GET /v1/status': { body: '<html>' } })
    const { code, stderr } = await runCli(['agent', 'status', '--operator-socket', socketPath])
    expect(code).toBe(1)
    expect(stderr).toContain('(ERR_OPERATOR_SOCKET_ANSWER)')
  })
})

describe('asOperatorSocketError', () => {
  it.each(['MISSING', 'REFUSED', 'DENIED', 'TIMEOUT', 'FAILED', 'ANSWER'])('has words of its own for %s', (reason) => {
    const error = new AdminSocketError(`ERR_ADMIN_SOCKET_${reason}` as AdminSocketErrorCode, 'no', { detail: 'why' })
    const { code, message, detail } = asOperatorSocketError('/s', error)
    expect({ code, detail }).toEqual({ code: `ERR_OPERATOR_SOCKET_${reason}`, detail: 'why' })
    expect(message).toMatch(/operator socket \/s$|operator socket at \/s$/)
  })
})
