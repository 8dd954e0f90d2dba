import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Federation } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const FEDERATION: Federation = {
  trustDomain: 'partner.example',
  bundleEndpointUrl: 'https://partner.example/bundle',
  profile: 'https_web',
}
const FLAGS = ['--trust-domain', 'partner.example', '--endpoint-url', 'https://partner.example/bundle']
const ROOTS = '-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n'

describe('federation create', () => {
  it('sends the three things that are never inferred from each other', async () => {
    const { socketPath, requests } = await startAdminServer({ 'POST /v1/federations': { body: FEDERATION } })
    const result = await runCli(['federation', 'create', ...FLAGS, '--admin-socket', socketPath])
    expect(requests[0]?.body).toEqual(FEDERATION)
    expect(result.code).toBe(0)
    expect(result.stdout).toContain('last refresh  never\n')
    expect(result.stdout).toContain('web roots     public Web PKI\n')
  })

  it('reads roots from a file', async () => {
    const file = join(await temporaryFolder(), 'roots.pem')
    await writeFile(file, ROOTS)
    const { socketPath, requests } = await startAdminServer({ 'POST /v1/federations': { body: FEDERATION } })
    const args = ['federation', 'create', ...FLAGS, '--web-roots', file, '--admin-socket', socketPath]
    const result = await runCli([...args, '--output', 'json'])
    expect(requests[0]?.body).toEqual({ ...FEDERATION, webRoots: ROOTS })
    expect(JSON.parse(result.stdout)).toEqual(FEDERATION)
  })

  it.each([
    ['no certificate', 'hello'],
    ['a private key', `${ROOTS}-----BEGIN EC PRIVATE KEY-----\nAQID\n-----END EC PRIVATE KEY-----\n`],
  ])('refuses roots that hold %s, and sends nothing', async (_, text) => {
    const file = join(await temporaryFolder(), 'roots.pem')
    await writeFile(file, text)
    const { socketPath, requests } = await startAdminServer({})
    const args = ['federation', 'create', ...FLAGS, '--web-roots', file, '--admin-socket', socketPath]
    const result = await runCli(args)
    expect(result.code).toBe(1)
    expect(result.stderr).toContain('(ERR_CLI_FILE_MALFORMED)')
    expect(requests).toEqual([])
  })

  it('knows one profile', async () => {
    expect((await runCli(['federation', 'create', ...FLAGS, '--profile', 'https_spiffe'])).code).toBe(2)
  })
})

describe('federation list, delete and refresh', () => {
  const lastError = { code: 'ERR_FEDERATION_FETCH', message: 'endpoint did not answer', at: NOW - 60 }

  it('lists with the last error', async () => {
    const body = { federations: [{ ...FEDERATION, lastRefreshAt: NOW - 120, sequence: 4, lastError }] }
    const { socketPath } = await startAdminServer({ 'GET /v1/federations': { body } })
    const { stdout } = await runCli(['federation', 'list', '--admin-socket', socketPath])
    expect(stdout.split('\n')[1]?.split(/ {2,}/)).toEqual([
      'partner.example',
      'https://partner.example/bundle',
      '2 min ago',
      '4',
      'endpoint did not answer (ERR_FEDERATION_FETCH), 2026-11-22T21:59:00Z, 1 min ago',
    ])
    const json = await runCli(['federation', 'list', '--admin-socket', socketPath, '--output', 'json'])
    expect(JSON.parse(json.stdout)).toEqual(body)
  })

  it('says when there are none', async () => {
    const { socketPath } = await startAdminServer({ 'GET /v1/federations': { body: { federations: [] } } })
    expect((await runCli(['federation', 'list', '--admin-socket', socketPath])).stdout).toBe('no federations\n')
  })

  it('deletes', async () => {
    const { socketPath } = await startAdminServer({ 'DELETE /v1/federations/partner.example': { status: 204 } })
    const result = await runCli(['federation', 'delete', 'partner.example', '--admin-socket', socketPath])
    expect(result).toEqual({ code: 0, stdout: 'deleted federation with partner.example\n', stderr: '' })
  })

  it.each([
    ['a fetch that went well', { lastRefreshAt: NOW, sequence: 5 }, 0],
    ['a fetch that failed', { lastRefreshAt: NOW - 120, lastError }, 1],
    ['a first fetch that failed', { lastError }, 1],
    ['a fetch that went well after one that failed', { lastRefreshAt: NOW, lastError }, 0],
  ])('exits by the result of %s', async (_, change, code) => {
    const body = { ...FEDERATION, ...change }
    const { socketPath } = await startAdminServer({ 'POST /v1/federations/partner.example/refresh': { body } })
    const args = ['federation', 'refresh', 'partner.example', '--admin-socket', socketPath, '--output', 'json']
    const result = await runCli(args)
    expect(result.code).toBe(code)
    expect(JSON.parse(result.stdout)).toEqual(body)
  })
})
