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
const ADDRESS_FLAGS = ['--trust-domain', 'partner.example', '--endpoint-url', 'https://partner.example/bundle']
const FLAGS = [...ADDRESS_FLAGS, '--profile', 'https_web']
const ENDPOINT_ID = 'spiffe://partner.example/countersign/server'
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

  it('never infers the profile, and knows two', async () => {
    expect((await runCli(['federation', 'create', ...ADDRESS_FLAGS])).code).toBe(2)
    expect((await runCli(['federation', 'create', ...ADDRESS_FLAGS, '--profile', 'https_any'])).code).toBe(2)
  })

  it('sends what https_spiffe needs: identifier, bundle and addresses', async () => {
    const bundle = { keys: [], spiffe_sequence: 3 }
    const file = join(await temporaryFolder(), 'partner.json')
    await writeFile(file, JSON.stringify(bundle))
    const allowedAddresses = ['127.0.0.1', '10.0.0.0/8']
    const answer = { ...FEDERATION, profile: 'https_spiffe', endpointSpiffeId: ENDPOINT_ID, allowedAddresses }
    const { socketPath, requests } = await startAdminServer({ 'POST /v1/federations': { body: answer } })
    const spiffe = ['--profile', 'https_spiffe', '--endpoint-id', ENDPOINT_ID, '--bundle', file]
    const addresses = allowedAddresses.map((range) => `--allow-address=${range}`)
    const args = ['federation', 'create', ...ADDRESS_FLAGS, ...spiffe, ...addresses, '--admin-socket', socketPath]
    const { code, stdout } = await runCli(args)
    expect(code).toBe(0)
    expect(requests[0]?.body).toEqual({ ...answer, bundle })
    expect(stdout).toContain(`endpoint id   ${ENDPOINT_ID}\n`)
  })

  it('refuses a bundle file that is no bundle, and sends nothing', async () => {
    const file = join(await temporaryFolder(), 'partner.json')
    await writeFile(file, '{"keys":"none"}')
    const { socketPath, requests } = await startAdminServer({})
    const result = await runCli(['federation', 'create', ...FLAGS, '--bundle', file, '--admin-socket', socketPath])
    expect(result.code).toBe(1)
    expect(result.stderr).toContain('(ERR_BUNDLE_MALFORMED)')
    expect(requests).toEqual([])
  })
})

describe('federation update', () => {
  const SPIFFE = { ...FEDERATION, profile: 'https_spiffe', endpointSpiffeId: ENDPOINT_ID, allowedAddresses: ['::1'] }

  async function update(present: object, ...flags: readonly string[]) {
    const path = '/v1/federations/partner.example'
    const { socketPath, requests } = await startAdminServer({
      [`GET ${path}`]: { body: { ...present, lastRefreshAt: NOW, sequence: 3, nextRefreshAt: NOW + 60 } },
      [`PUT ${path}`]: { body: present },
    })
    const { code } = await runCli(['federation', 'update', 'partner.example', ...flags, '--admin-socket', socketPath])
    return { code, sent: requests.find(({ method }) => method === 'PUT')?.body }
  }

  it('sends the settings that stay with those that change', async () => {
    const { code, sent } = await update(SPIFFE, '--endpoint-url', 'https://other.example/bundle')
    const { trustDomain: _, ...endpoint } = SPIFFE
    expect({ code, sent }).toEqual({
      code: 0,
      sent: { ...endpoint, bundleEndpointUrl: 'https://other.example/bundle' },
    })
  })

  it.each([
    ['roots', { ...FEDERATION, webRoots: ROOTS }, '--no-web-roots', FEDERATION],
    ['addresses', { ...FEDERATION, allowedAddresses: ['::1'] }, '--no-allow-address', FEDERATION],
    ['what only https_spiffe has', SPIFFE, '--profile=https_web', { ...FEDERATION, allowedAddresses: ['::1'] }],
  ])('takes back %s', async (_, present, flag, { trustDomain: __, ...expected }) => {
    expect(await update(present, flag)).toEqual({ code: 0, sent: expected })
  })

  it('takes back roots when the profile has none', async () => {
    const { sent } = await update(
      { ...FEDERATION, webRoots: ROOTS },
      ...['--profile', 'https_spiffe', '--endpoint-id', ENDPOINT_ID],
    )
    expect(sent).toEqual({
      bundleEndpointUrl: FEDERATION.bundleEndpointUrl,
      profile: 'https_spiffe',
      endpointSpiffeId: ENDPOINT_ID,
    })
  })

  it('exits with 2 when there is nothing to change', async () => {
    expect(await update(FEDERATION)).toEqual({ code: 2, sent: undefined })
  })
})

describe('federation show', () => {
  it('tells when it was and will be refreshed, why not, and what to do', async () => {
    const lastError = { code: 'ERR_FEDERATION_ADDRESS', message: 'not public', detail: '10.0.0.7', at: NOW - 60 }
    const body = { ...FEDERATION, lastRefreshAt: NOW - 120, nextRefreshAt: NOW + 90, sequence: 4, lastError }
    const { socketPath } = await startAdminServer({ 'GET /v1/federations/partner.example': { body } })
    const args = ['federation', 'show', 'partner.example', '--admin-socket', socketPath]
    const { stdout } = await runCli(args)
    expect(stdout).toContain('next refresh  in 1 min 30 s\n')
    expect(stdout).toContain('last error    not public: 10.0.0.7 (ERR_FEDERATION_ADDRESS)')
    expect(stdout).toContain('next step     if the endpoint is meant to be there, allow it')
    expect(JSON.parse((await runCli([...args, '--output', 'json'])).stdout)).toEqual(body)
  })
})

describe('federation list, delete and refresh', () => {
  const lastError = { code: 'ERR_FEDERATION_FETCH', message: 'endpoint did not answer', at: NOW - 60 }

  it('lists with the last error', async () => {
    const body = {
      federations: [{ ...FEDERATION, lastRefreshAt: NOW - 120, nextRefreshAt: NOW + 90, sequence: 4, lastError }],
    }
    const { socketPath } = await startAdminServer({ 'GET /v1/federations': { body } })
    const { stdout } = await runCli(['federation', 'list', '--admin-socket', socketPath])
    expect(stdout.split('\n')[1]?.split(/ {2,}/)).toEqual([
      'partner.example',
      'https://partner.example/bundle',
      'https_web',
      '2 min ago',
      'in 1 min 30 s',
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
