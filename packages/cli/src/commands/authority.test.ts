import type { AuthorityView } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'

const ACTIVE: AuthorityView = {
  ...{ id: 'x509-2', kind: 'x509', state: 'active', notBefore: NOW - 60, notAfter: NOW + 86_400 },
}
const TAINTED: AuthorityView = {
  ...{ id: 'x509-1', kind: 'x509', state: 'retired', notBefore: NOW - 7200, notAfter: NOW + 3600 },
  taintedAt: NOW - 30,
  taint: { nodes: 3, waiting: 1, waitingFor: ['spiffe://example.org/countersign/agent/a'], credentials: 2 },
}

describe('authority list', () => {
  it('shows who still uses what a tainted key signed', async () => {
    const { socketPath } = await startAdminServer({
      'GET /v1/authorities': { body: { authorities: [ACTIVE, TAINTED] } },
    })
    const { stdout, code } = await runCli(['authority', 'list', '--admin-socket', socketPath])
    expect(code).toBe(0)
    expect(stdout).toContain('retired, tainted')
    expect(stdout).toContain('on 1 of 3 nodes, 2 credentials known of: spiffe://example.org/countersign/agent/a')
    const json = await runCli(['authority', 'list', '--admin-socket', socketPath, '--output', 'json'])
    expect(JSON.parse(json.stdout)).toEqual({ authorities: [ACTIVE, TAINTED] })
  })

  it('says when nothing is left', async () => {
    const done = { ...TAINTED, taint: { nodes: 3, waiting: 0, waitingFor: [], credentials: 0 } }
    const { socketPath } = await startAdminServer({ 'GET /v1/authorities': { body: { authorities: [done] } } })
    const { stdout } = await runCli(['authority', 'list', '--admin-socket', socketPath])
    expect(stdout).toContain('no: 3 of 3 nodes are done')
  })
})

it('authority prepare sends the kind, and takes no other', async () => {
  const body = { ...ACTIVE, state: 'prepared', distributedAt: NOW + 300 }
  const { socketPath, requests } = await startAdminServer({ 'POST /v1/authorities/prepare': { body } })
  const result = await runCli(['authority', 'prepare', 'x509', '--admin-socket', socketPath])
  expect(requests[0]?.body).toEqual({ kind: 'x509' })
  expect(result.stdout).toContain('known everywhere')
  expect((await runCli(['authority', 'prepare', 'ssh', '--admin-socket', socketPath])).code).toBe(2)
  expect(requests).toHaveLength(1)
})

describe.each(['activate', 'taint', 'revoke'])('authority %s', (step) => {
  it('names the authority and shows what became of it', async () => {
    const { socketPath, requests } = await startAdminServer({ [`POST /v1/authorities/${step}`]: { body: TAINTED } })
    const result = await runCli(['authority', step, 'x509-1', '--admin-socket', socketPath])
    expect(requests[0]?.body).toEqual({ id: 'x509-1' })
    expect(result.code).toBe(0)
    expect(result.stdout).toContain('still in use  on 1 of 3 nodes')
  })

  it('exits with 1 when it is refused, and says what to do', async () => {
    const problem = { type: 'about:blank', title: 'not its turn', status: 409, code: 'ERR_AUTHORITY_STATE' }
    const { socketPath } = await startAdminServer({ [`POST /v1/authorities/${step}`]: { status: 409, body: problem } })
    const result = await runCli(['authority', step, 'x509-1', '--admin-socket', socketPath])
    expect(result.code).toBe(1)
    expect(result.stderr).toContain('not its turn')
    expect(result.stderr).toContain('authority list')
  })
})

it.each([
  ['activate', 0],
  ['revoke', 0],
  ['taint', 2],
])('authority %s --force exits with %i', async (step, code) => {
  const { socketPath, requests } = await startAdminServer({ [`POST /v1/authorities/${step}`]: { body: TAINTED } })
  const result = await runCli(['authority', step, 'x509-1', '--force', '--admin-socket', socketPath])
  expect(result.code).toBe(code)
  expect(requests.map(({ body }) => body)).toEqual(code === 0 ? [{ id: 'x509-1', force: true }] : [])
})
