import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuthorityView } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

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

describe('an authority that is signed by hand', () => {
  const REQUESTED = { ...ACTIVE, id: 'x509-3', state: 'requested' }

  it('has its request written to a file, with what to do next', async () => {
    const body = { authority: REQUESTED, csr: 'AQID' }
    const { socketPath, requests } = await startAdminServer({ 'POST /v1/authorities/request': { body } })
    const file = join(await temporaryFolder(), 'ca.csr')
    const args = ['authority', 'prepare', 'x509', '--csr-file', file, '--admin-socket', socketPath]
    const { stdout, code } = await runCli(args)
    expect(code).toBe(0)
    expect(requests).toHaveLength(1)
    expect(await readFile(file, 'utf8')).toBe(
      '-----BEGIN CERTIFICATE REQUEST-----\nAQID\n-----END CERTIFICATE REQUEST-----\n',
    )
    expect(stdout).toContain('authority import x509-3')
    expect((await runCli(['authority', 'prepare', 'jwt', '--csr-file', file, '--admin-socket', socketPath])).code).toBe(
      2,
    )
  })

  it('has its certificates sent, and no private key', async () => {
    const root = { fingerprint: 'AA:BB', subject: 'CN=Company CA' }
    const body = { ...REQUESTED, state: 'prepared', root }
    const { socketPath, requests } = await startAdminServer({ 'POST /v1/authorities/import': { body } })
    const folder = await temporaryFolder()
    const block = (text: string) => `Certificate:\n-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`
    const write = async (name: string, text: string) => {
      await writeFile(join(folder, name), text)
      return join(folder, name)
    }
    const certificate = await write('ca.pem', block('AQID') + block('BAUG'))
    const rootFile = await write('root.pem', block('BwgJ'))
    const run = (...more: string[]) => runCli(['authority', 'import', 'x509-3', '--admin-socket', socketPath, ...more])
    const { stdout, code } = await run('--certificate', certificate, '--root', rootFile)
    expect(code).toBe(0)
    expect(requests[0]?.body).toEqual({ id: 'x509-3', chain: ['AQID', 'BAUG'], root: 'BwgJ' })
    expect(stdout).toContain('CN=Company CA')
    const key = '-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n'
    const wrong = [await write('key.pem', block('AQID') + key), await write('empty.pem', 'nothing'), `${folder}/absent`]
    for (const file of wrong) expect((await run('--certificate', file)).code).toBe(1)
    expect((await run('--certificate', rootFile, '--root', certificate)).code).toBe(1)
    expect(requests).toHaveLength(1)
  })
})

it('authority list says how the upstream does', async () => {
  const lastError = { code: 'ERR_UPSTREAM_AUTHORITY_UNREACHABLE', message: 'server above is away', since: NOW - 60 }
  const body = { authorities: [ACTIVE], upstream: { name: 'countersign', lastSuccessAt: NOW - 90, lastError } }
  const { socketPath } = await startAdminServer({ 'GET /v1/authorities': { body } })
  const { stdout } = await runCli(['authority', 'list', '--admin-socket', socketPath])
  expect(stdout).toContain('server above is away (ERR_UPSTREAM_AUTHORITY_UNREACHABLE)')
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
