import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { refuse } from '../test-support/fake-endpoint/fake-answers.ts'
import { FakeEndpoint } from '../test-support/fake-endpoint/fake-endpoint.ts'
import { type Authorities, createAuthorities, FakeWorld } from '../test-support/fake-endpoint/fake-world.ts'
import { answering } from '../test-support/fake-endpoint/violations/violation.ts'
import { runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const PERMISSION_DENIED = 7

let authorities: Authorities
beforeAll(async () => {
  authorities = await createAuthorities()
})

let endpoint: FakeEndpoint
beforeEach(() => {
  endpoint = new FakeEndpoint(new FakeWorld(authorities))
  onTestFinished(() => endpoint.close())
})

/** Only a few checks: the suite itself has its own tests. */
async function suite(...args: readonly string[]) {
  const { address } = await endpoint.listen()
  const socket = address.kind === 'unix' ? address.path : ''
  return runCli(['conformance', 'workload-api', '--socket', socket, '--only', 'X509-KEY-*', ...args])
}

const spoilKey = () => endpoint.world.changeSvid({ x509SvidKey: authorities.leaves[1].privateKey })

describe('conformance workload-api', () => {
  it('says in one line that nothing failed', async () => {
    expect(await suite()).toEqual({
      code: 0,
      stdout: '3 passed, 0 failed, 0 warnings, 0 skipped\nno MUST failed\n',
      stderr: '',
    })
  })

  it('takes the endpoint from the environment', async () => {
    const { address } = await endpoint.listen()
    const env = { SPIFFE_ENDPOINT_SOCKET: address.kind === 'unix' ? `unix://${address.path}` : '' }
    const { code } = await runCli(['conformance', 'workload-api', '--only', 'WE-NO-TLS'], { env })
    expect(code).toBe(0)
  })

  it('exits with 1 when a MUST failed, and tells what was expected, what was seen and where to read', async () => {
    spoilKey()
    const { code, stdout } = await suite()
    expect(code).toBe(1)
    expect(stdout).toMatch(/fail +X509-KEY-MATCHES +MUST +the private key is that of the leaf/)
    expect(stdout).toMatch(/expected the key of the leaf's public key\n +seen +svids\[0\]: the key of something else/)
    expect(stdout).toContain('SPIFFE Workload API section 5.1 (X509SVID)')
    expect(stdout).toContain('2 passed, 1 failed, 0 warnings, 0 skipped\n')
  })

  it('exits with 0 when only a SHOULD or hardening check failed', async () => {
    endpoint.world.changeSvid({ hint: 'h'.repeat(2_000) })
    const { code, stdout } = await suite('--only', 'X509-HINT-LENGTH')
    expect(code).toBe(0)
    expect(stdout).toMatch(/warn +X509-HINT-LENGTH/)
    expect(stdout).toContain('3 passed, 0 failed, 1 warnings, 0 skipped\nno MUST failed\n')
  })

  it('prints the whole report as JSON', async () => {
    spoilKey()
    const { stdout } = await suite('--output', 'json')
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({ passed: 2, failed: 1, warned: 0, skipped: 0 })
    expect(report.checks[1]).toEqual({
      id: 'X509-KEY-MATCHES',
      level: 'MUST',
      title: 'the private key is that of the leaf',
      section: 'SPIFFE Workload API section 5.1 (X509SVID)',
      outcome: 'fail',
      expected: "the key of the leaf's public key",
      seen: 'svids[0]: the key of something else',
      milliseconds: expect.any(Number),
    })
  })

  it('prints JUnit XML, in which a failed MUST is a failure', async () => {
    spoilKey()
    const { stdout } = await suite('--output', 'junit')
    expect(stdout).toMatch(
      /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites tests="3" failures="1" errors="0" skipped="0" time="[\d.]+">/,
    )
    expect(stdout).toContain('<testcase classname="workload-api.MUST" name="X509-KEY-PKCS8: ')
    expect(stdout).toMatch(
      /<failure message="expected the key of the leaf's public key; seen svids\[0\]: [^"]+">SPIFFE/,
    )
  })

  it.each([
    ['xml', /^<\?xml/],
    ['json', /^\{\n {2}"passed": 3/],
  ])('writes a report as .%s besides', async (extension, content) => {
    const file = join(await temporaryFolder(), `report.${extension}`)
    const { stdout } = await suite('--report', file)
    expect(stdout).toContain('3 passed')
    expect(await readFile(file, 'utf8')).toMatch(content)
  })

  it('says why a check was skipped', async () => {
    const { code, stdout } = await suite('--only', 'NI-NO-SVID')
    expect(code).toBe(0)
    expect(stdout).toContain('skipped: --without-identity-uid names no user without an identity')
  })

  it('runs what a check needs without reporting it', async () => {
    endpoint.world.x509.svids = []
    const { stdout } = await suite('--output', 'json')
    const { checks } = JSON.parse(stdout)
    expect(checks).toHaveLength(3)
    expect(checks[0]).toMatchObject({ outcome: 'skip', reason: 'X509-SVIDS-NOT-EMPTY did not pass' })
  })

  it('refuses an endpoint that has no identity for it', async () => {
    await answering('FetchX509SVID', refuse(PERMISSION_DENIED, 'no identity issued'))(endpoint)
    const { code, stdout, stderr } = await suite()
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/ERR_CONFORMANCE_NO_IDENTITY\)\ndetail: no identity issued\nhint: register an entry/)
  })

  it('tells when nobody listens', async () => {
    const { code, stderr } = await runCli(['conformance', 'workload-api', '--socket', '/nowhere/api.sock'])
    expect(code).toBe(1)
    expect(stderr).toContain('ERR_CONFORMANCE_UNREACHABLE')
  })

  it.each([
    ['a pattern that fits no check', ['--only', 'X509-TYPO'], 'no check fits "X509-TYPO"'],
    ['a user that is no number', ['--without-identity-uid', 'nobody'], 'Expected the number of a user'],
    ['a time that is none', ['--timeout', 'soon'], 'Expected seconds'],
    ['another format', ['--output', 'yaml'], 'Allowed choices are text, json, junit'],
  ])('exits with 2 for %s', async (_, args, message) => {
    const { code, stdout, stderr } = await suite(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
  })

  it('lists checks without an endpoint', async () => {
    const text = await runCli(['conformance', 'workload-api', '--list', '--only', 'we-no-*'])
    expect(text.code).toBe(0)
    expect(text.stdout.split('\n').map((line) => line.split(' ')[0])).toEqual([
      'CHECK',
      'WE-NO-TLS',
      'WE-NO-CLIENT-CREDENTIALS',
      '',
    ])
    const json = await runCli(['conformance', 'workload-api', '--list', '--only', 'X509-CHAIN', '--output', 'json'])
    expect(JSON.parse(json.stdout).checks).toMatchObject([
      { id: 'X509-CHAIN', level: 'MUST', needs: expect.any(Array) },
    ])
  })

  it('shows its progress on a terminal only', async () => {
    const { address } = await endpoint.listen()
    const socket = address.kind === 'unix' ? address.path : ''
    const args = ['conformance', 'workload-api', '--socket', socket, '--only', 'WE-NO-TLS']
    expect((await runCli(args, { isTTY: true })).stderr).toContain('1/1 WE-NO-TLS')
    expect((await runCli(args)).stderr).toBe('')
  })
})
