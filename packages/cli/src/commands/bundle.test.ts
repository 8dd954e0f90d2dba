import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { fakeDomain } from '../test-support/fake-domain.ts'
import { runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

async function serverWithBundle() {
  const { bundle, root } = await fakeDomain()
  const answer = { trustDomain: 'example.org', bundle }
  const server = await startAdminServer({
    'GET /v1/status': { body: { trustDomain: 'example.org' } },
    'GET /v1/bundles/example.org': { body: answer },
    'GET /v1/bundles': { body: { bundles: [answer] } },
  })
  return { ...server, answer, bundle, root }
}

describe('bundle show', () => {
  it("shows the server's own bundle in short", async () => {
    const { socketPath } = await serverWithBundle()
    const { code, stdout } = await runCli(['bundle', 'show', '--admin-socket', socketPath])
    expect(code).toBe(0)
    expect(stdout).toBe(
      [
        'trust domain  example.org',
        'sequence      3',
        'refresh hint  1 min',
        'x509 roots    1',
        'jwt keys      jwt-1 (ES256)',
        'wit keys      wit-1 (ES256)',
        '',
      ].join('\n'),
    )
  })

  it('prints trust domain and document as JSON', async () => {
    const { socketPath, answer } = await serverWithBundle()
    const args = ['bundle', 'show', 'example.org', '--admin-socket', socketPath, '--output', 'json']
    expect(JSON.parse((await runCli(args)).stdout)).toEqual(answer)
  })

  it('prints the bare document with --format spiffe', async () => {
    const { socketPath, bundle } = await serverWithBundle()
    const args = ['bundle', 'show', 'example.org', '--admin-socket', socketPath, '--format', 'spiffe']
    expect(JSON.parse((await runCli(args)).stdout)).toEqual(bundle)
  })

  it('prints the roots with --format pem', async () => {
    const { socketPath, root } = await serverWithBundle()
    const args = ['bundle', 'show', 'example.org', '--admin-socket', socketPath, '--format', 'pem']
    expect(new X509Certificate((await runCli(args)).stdout).raw.equals(root)).toBe(true)
  })

  it('calls an ill-formed trust domain a usage error', async () => {
    expect((await runCli(['bundle', 'show', 'spiffe://example.org'])).code).toBe(2)
  })
})

describe('bundle list', () => {
  it('counts keys by use', async () => {
    const { socketPath, answer } = await serverWithBundle()
    const { stdout } = await runCli(['bundle', 'list', '--admin-socket', socketPath])
    expect(stdout.split('\n')[1]?.split(/ {2,}/)).toEqual(['example.org', '3', '1', '1', '1'])
    const json = await runCli(['bundle', 'list', '--admin-socket', socketPath, '--output', 'json'])
    expect(JSON.parse(json.stdout)).toEqual({ bundles: [answer] })
  })

  it('says when there are none', async () => {
    const { socketPath } = await startAdminServer({ 'GET /v1/bundles': { body: { bundles: [] } } })
    expect((await runCli(['bundle', 'list', '--admin-socket', socketPath])).stdout).toBe('no bundles\n')
  })
})

describe('bundle set', () => {
  it('sends the document as it stands in the file', async () => {
    const { bundle } = await fakeDomain('partner.example')
    const file = join(await temporaryFolder(), 'partner.json')
    await writeFile(file, JSON.stringify(bundle))
    const { socketPath, requests } = await startAdminServer({ 'PUT /v1/bundles/partner.example': { status: 204 } })
    const args = ['bundle', 'set', 'partner.example', '--file', file, '--admin-socket', socketPath]
    const { code, stdout } = await runCli([...args, '--output', 'json'])
    expect(code).toBe(0)
    expect(requests).toEqual([{ method: 'PUT', url: '/v1/bundles/partner.example', body: bundle }])
    expect(JSON.parse(stdout)).toEqual({ trustDomain: 'partner.example', bundle })
  })

  it.each([
    ['ERR_CLI_FILE_MALFORMED', '-----BEGIN CERTIFICATE-----'],
    ['ERR_BUNDLE_MALFORMED', '{"hello":"world"}'],
  ])('refuses with %s what is no bundle, and sends nothing', async (code, text) => {
    const file = join(await temporaryFolder(), 'file')
    await writeFile(file, text)
    const { socketPath, requests } = await startAdminServer({})
    const result = await runCli(['bundle', 'set', 'partner.example', '--file', file, '--admin-socket', socketPath])
    expect(result.code).toBe(1)
    expect(result.stderr).toContain(`(${code})\n`)
    expect(requests).toEqual([])
  })
})
