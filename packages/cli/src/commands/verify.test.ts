import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodePem } from '@countersign/protocol'
import { describe, expect, it } from 'vitest'
import { privateKeyPem } from '../files/pem.ts'
import { type FakeDomain, fakeDomain } from '../test-support/fake-domain.ts'
import { fakeWorkloadApi } from '../test-support/fake-workload-api.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const URL_OF_SERVICE = 'https://orders.example/v1/orders'

async function bundleFlags(domain: FakeDomain): Promise<string[]> {
  const file = join(await temporaryFolder(), 'bundle.json')
  await writeFile(file, JSON.stringify(domain.bundle))
  return ['--bundle', file, '--trust-domain', domain.name]
}

const passedOf = (stdout: string) => [...stdout.matchAll(/^ {2}passed {7}(.+)$/gm)].map(([, name]) => name)

describe('verify --type wit', () => {
  it('names each check, and says that a WIT alone authenticates nobody', async () => {
    const domain = await fakeDomain()
    const args = ['verify', '--type', 'wit', domain.tokens.workload('/web').wit(NOW), ...(await bundleFlags(domain))]
    const { code, stdout } = await runCli(args)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^verified: spiffe:\/\/example\.org\/web\nexpires 2026-11-22T23:00:00Z, in 1 h\n/)
    expect(passedOf(stdout)).toContain('signature')
    expect(passedOf(stdout)).not.toContain('proof signature')
    expect(stdout).toContain('  not checked  proof of possession: a WIT alone authenticates nobody\n')
  })

  it('verifies a proof made for this WIT and this URL', async () => {
    const domain = await fakeDomain()
    const workload = domain.tokens.workload('/web')
    const wit = workload.wit(NOW)
    const wpt = workload.proof(wit, { audience: URL_OF_SERVICE, now: NOW })
    const flags = [...(await bundleFlags(domain)), '--wpt', wpt, '--audience', URL_OF_SERVICE]
    const { code, stdout } = await runCli(['verify', '--type', 'wit', wit, ...flags, '--output', 'json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      verified: true,
      type: 'wit',
      subject: 'spiffe://example.org/web',
      expiresAt: NOW + 3_600,
      passed: expect.arrayContaining(['signature', 'proof signature', 'proof made for this WIT']),
      notChecked: ['replay: this command remembers no earlier proof'],
    })
  })

  it('refuses a proof made for another URL, one of another workload, and one for another WIT', async () => {
    const domain = await fakeDomain()
    const workload = domain.tokens.workload('/web')
    const wit = workload.wit(NOW)
    const flags = [...(await bundleFlags(domain)), '--audience', URL_OF_SERVICE]
    const refusal = async (wpt: string) =>
      (await runCli(['verify', '--type', 'wit', wit, ...flags, '--wpt', wpt])).stderr
    const content = { audience: URL_OF_SERVICE, now: NOW }
    expect(await refusal(workload.proof(wit, { ...content, audience: 'https://a.example/' }))).toContain(
      '(ERR_PROOF_AUDIENCE)',
    )
    expect(await refusal(domain.tokens.workload('/web').proof(wit, content))).toContain('(ERR_PROOF_SIGNATURE)')
    expect(await refusal(workload.proof(workload.wit(NOW + 1), content))).toContain('(ERR_PROOF_CREDENTIAL_MISMATCH)')
  })

  it('refuses a token of another trust domain, an expired one, and one signed with another key', async () => {
    const domain = await fakeDomain()
    const flags = await bundleFlags(domain)
    const refusal = async (wit: string) => {
      const { code, stdout, stderr } = await runCli(['verify', '--type', 'wit', wit, ...flags])
      expect([code, stdout]).toEqual([1, ''])
      return stderr
    }
    const foreign = await fakeDomain('partner.example')
    expect(await refusal(foreign.tokens.workload('/web').wit(NOW))).toContain('(ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN)')
    expect(await refusal(domain.tokens.workload('/web').wit(NOW - 7_200))).toContain('(ERR_CREDENTIAL_EXPIRED)')
    const impostor = await fakeDomain()
    expect(await refusal(impostor.tokens.workload('/web').wit(NOW))).toContain('(ERR_CREDENTIAL_SIGNATURE)')
  })

  it('gives a refusal as the result where JSON was asked for', async () => {
    const domain = await fakeDomain()
    const wit = domain.tokens.workload('/web').wit(NOW - 7_200)
    const args = ['verify', '--type', 'wit', wit, ...(await bundleFlags(domain)), '--output', 'json']
    const { code, stdout, stderr } = await runCli(args)
    expect([code, stderr]).toEqual([1, ''])
    expect(JSON.parse(stdout)).toEqual({
      verified: false,
      type: 'wit',
      code: 'ERR_CREDENTIAL_EXPIRED',
      message: 'credential has expired',
    })
  })

  it('takes bundles from the agent, those for WITs only', async () => {
    const domain = await fakeDomain()
    const keys = JSON.stringify({ keys: [domain.tokens.witKey.publicJwk, { kty: 'unheard-of' }] })
    const wit = domain.tokens.workload('/web').wit(NOW)
    const args = ['verify', '--type', 'wit', wit, '--socket', '/run/w.sock']
    const api = fakeWorkloadApi({ witBundles: { bundles: { 'spiffe://example.org': keys } } })
    expect((await runCli(args, api)).code).toBe(0)
    const others = fakeWorkloadApi({ jwtBundles: { bundles: { 'spiffe://example.org': Buffer.from(keys) } } })
    expect((await runCli(args, others)).stderr).toContain('(ERR_WORKLOAD_API_DENIED)')
  })
})

describe('verify --type jwt-svid', () => {
  it('verifies for one audience, from standard input too', async () => {
    const domain = await fakeDomain()
    const token = domain.tokens.jwtSvid('/web', ['orders'], NOW)
    const keys = Buffer.from(JSON.stringify({ keys: [domain.tokens.jwtKey.publicJwk] }))
    const api = fakeWorkloadApi({ jwtBundles: { bundles: { 'spiffe://example.org': keys } } })
    const args = ['verify', '--type', 'jwt-svid', '-', '--socket', '/run/w.sock']
    const { code, stdout } = await runCli([...args, '--audience', 'orders'], { ...api, stdin: `${token}\n` })
    expect(code).toBe(0)
    expect(passedOf(stdout)).toContain('audience')
    const refused = await runCli([...args, '--audience', 'stock'], { ...api, stdin: token })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('(ERR_CREDENTIAL_AUDIENCE)')
  })

  it('refuses a WIT shown as a JWT-SVID', async () => {
    const domain = await fakeDomain()
    const wit = domain.tokens.workload('/web').wit(NOW)
    const args = ['verify', '--type', 'jwt-svid', wit, '--audience', 'a', ...(await bundleFlags(domain))]
    expect((await runCli(args)).stderr).toContain('(ERR_CREDENTIAL_TYPE)')
  })
})

describe('verify --type x509-svid', () => {
  it('verifies a PEM or DER chain against the roots of its own trust domain', async () => {
    const domain = await fakeDomain()
    const { certificate } = await domain.issue('/web')
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'svid.pem'), encodePem([certificate, domain.root]))
    await writeFile(join(folder, 'svid.der'), certificate)
    for (const name of ['svid.pem', 'svid.der']) {
      const args = ['verify', '--type', 'x509-svid', join(folder, name), ...(await bundleFlags(domain))]
      const { code, stdout } = await runCli(args)
      expect(code).toBe(0)
      expect(stdout).toMatch(/^verified: spiffe:\/\/example\.org\/web\n/)
    }
    const api = fakeWorkloadApi({ x509Bundles: { bundles: { 'spiffe://example.org': domain.root } } })
    expect((await runCli(['verify', '--type', 'x509-svid', join(folder, 'svid.pem')], api)).code).toBe(0)
  })

  it('refuses a chain of another root, and an expired one', async () => {
    const domain = await fakeDomain()
    const flags = await bundleFlags(domain)
    const impostor = await (await fakeDomain()).issue('/web')
    const expired = await domain.issue('/web', { notAfter: NOW - 1 })
    const refusal = async (der: Uint8Array) =>
      (await runCli(['verify', '--type', 'x509-svid', encodePem([der]), ...flags])).stderr
    expect(await refusal(impostor.certificate)).toMatch(/\(ERR_CERTIFICATE_(SIGNATURE|UNTRUSTED)\)/)
    expect(await refusal(expired.certificate)).toContain('(ERR_CERTIFICATE_EXPIRED)')
  })

  it('does not read a private key', async () => {
    const domain = await fakeDomain()
    const { certificate, key } = await domain.issue('/web')
    const text = encodePem([certificate]) + privateKeyPem(key.exportPkcs8())
    const { code, stderr } = await runCli(['verify', '--type', 'x509-svid', text, ...(await bundleFlags(domain))])
    expect(code).toBe(1)
    expect(stderr).toContain('(ERR_CLI_FILE_MALFORMED)')
  })
})

describe('verify', () => {
  it.each([
    ['no type', []],
    ['a bundle of no trust domain', ['--type', 'wit', '--bundle', 'b.json']],
    ['a trust domain without a bundle', ['--type', 'wit', '--trust-domain', 'example.org']],
    [
      'two sources of trust',
      ['--type', 'wit', '--bundle', 'b.json', '--trust-domain', 'example.org', '--socket', '/s'],
    ],
    ['a JWT-SVID without an audience', ['--type', 'jwt-svid']],
    ['a proof without an audience', ['--type', 'wit', '--wpt', 'x']],
    ['a proof for something else than a WIT', ['--type', 'jwt-svid', '--audience', 'a', '--wpt', 'x']],
  ])('calls %s a usage error', async (_, args) => {
    const { code, stderr } = await runCli(['verify', 'token', ...args])
    expect(code).toBe(2)
    expect(stderr).toContain('(ERR_CLI_USAGE)')
  })

  it('reports a missing file', async () => {
    const api = fakeWorkloadApi({ witBundles: { bundles: {} } })
    const { stderr } = await runCli(['verify', '--type', 'wit', './no-such-file'], api)
    expect(stderr).toContain('(ERR_CLI_FILE_NOT_FOUND)')
  })
})
