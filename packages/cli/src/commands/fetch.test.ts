import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { jwkThumbprint } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { describe, expect, it } from 'vitest'
import { fakeDomain } from '../test-support/fake-domain.ts'
import { fakeWorkloadApi } from '../test-support/fake-workload-api.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

async function x509Message() {
  const domain = await fakeDomain()
  const svid = await domain.issue('/web')
  const message = {
    svids: [
      {
        spiffeId: 'spiffe://example.org/web',
        x509Svid: Buffer.concat([svid.certificate, domain.root]),
        x509SvidKey: svid.key.exportPkcs8(),
        bundle: domain.root,
        hint: 'internal',
      },
    ],
    crl: [],
    federatedBundles: { 'spiffe://partner.example': domain.root },
  }
  return { domain, svid, message }
}

describe('x509 fetch', () => {
  it('prints ids, end and chain, never the key, and closes what it opened', async () => {
    const { svid, message } = await x509Message()
    const api = fakeWorkloadApi({ x509Svid: message })
    const { code, stdout } = await runCli(['x509', 'fetch', '--socket', '/run/w.sock'], api)
    const { serialNumber } = new X509Certificate(svid.certificate)
    expect(code).toBe(0)
    expect(stdout.split('\n').slice(0, 4)).toEqual([
      'spiffe id      spiffe://example.org/web',
      'hint           internal',
      'expires        2026-11-22T23:00:00Z, in 1 h',
      `serial         ${serialNumber.toLowerCase()}`,
    ])
    expect(stdout).toContain('trusted roots  1\n')
    expect(stdout).toContain('federates with  spiffe://partner.example\n')
    expect(api.connections[0]?.address).toBe('unix:///run/w.sock')
    expect([api.closed(), api.left()]).toEqual([1, 1])
  })

  it('tells no more as JSON', async () => {
    const { message } = await x509Message()
    const { stdout } = await runCli(['x509', 'fetch', '--output', 'json'], fakeWorkloadApi({ x509Svid: message }))
    const { svids, federatesWith, written } = JSON.parse(stdout)
    expect(Object.keys(svids[0])).toEqual(['spiffeId', 'hint', 'expiresAt', 'serialNumber', 'chain', 'rootCount'])
    expect(svids[0]).toMatchObject({ spiffeId: 'spiffe://example.org/web', expiresAt: NOW + 3_600, rootCount: 1 })
    expect(svids[0].chain).toHaveLength(2)
    expect(federatesWith).toEqual(['spiffe://partner.example'])
    expect(written).toEqual([])
  })

  it('writes chain, key and roots, the key for its owner only', async () => {
    const { domain, svid, message } = await x509Message()
    const folder = join(await temporaryFolder(), 'svid')
    const { code, stdout } = await runCli(['x509', 'fetch', '--write', folder], fakeWorkloadApi({ x509Svid: message }))
    expect(code).toBe(0)
    expect(stdout).toContain(`wrote ${folder}/key.pem\n`)
    const read = (name: string) => readFile(join(folder, name), 'utf8')
    expect((await stat(join(folder, 'key.pem'))).mode & 0o777).toBe(0o600)
    const key = createPrivateKey(await read('key.pem'))
    expect(new X509Certificate(await read('svid.pem')).checkPrivateKey(key)).toBe(true)
    expect((await read('svid.pem')).match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    expect(new X509Certificate(await read('bundle.pem')).raw.equals(domain.root)).toBe(true)
    expect(stdout).not.toContain(Buffer.from(svid.key.exportPkcs8()).toString('base64').slice(40, 80))
  })

  it('says what to do when the program has no identity', async () => {
    const api = fakeWorkloadApi({})
    const { code, stderr } = await runCli(['x509', 'fetch'], api)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: no identity issued \(ERR_WORKLOAD_API_DENIED\)\nhint: create an entry/)
    expect(api.closed()).toBe(1)
  })

  it('refuses certificates that are not DER', async () => {
    const { message } = await x509Message()
    const svids = [{ ...message.svids[0], x509Svid: new Uint8Array([0x30, 0x82, 0xff]) }]
    const { code, stderr } = await runCli(['x509', 'fetch'], fakeWorkloadApi({ x509Svid: { ...message, svids } }))
    expect(code).toBe(1)
    expect(stderr).toContain('(ERR_CLI_FILE_MALFORMED)')
  })

  it('writes nothing when there is nothing to write', async () => {
    const empty = { svids: [], crl: [], federatedBundles: {} }
    const { code, stderr } = await runCli(['x509', 'fetch', '--write', '/x'], fakeWorkloadApi({ x509Svid: empty }))
    expect(code).toBe(1)
    expect(stderr).toContain('there is no identity to write')
  })
})

describe('where the Workload API is', () => {
  it.each([
    [['--socket', 'unix:///run/a.sock'], 'unix:///run/a.sock'],
    [['--socket', '/run/a b.sock'], 'unix:///run/a%20b.sock'],
    [['--socket', 'tcp://127.0.0.1:8081'], 'tcp://127.0.0.1:8081'],
    [[], undefined],
  ])('takes %j as %s', async (args, address) => {
    const api = fakeWorkloadApi({ jwtSvid: { svids: [] } })
    const env = { SPIFFE_ENDPOINT_SOCKET: 'unix:///env.sock' }
    await runCli(['jwt', 'fetch', '--audience', 'a', ...args], { ...api, env })
    expect(api.connections).toMatchObject([{ address, environment: env }])
  })
})

describe('jwt fetch', () => {
  const svids = [
    { spiffeId: 'spiffe://example.org/web', svid: 'a.b.c', hint: '' },
    { spiffeId: 'spiffe://example.org/api', svid: 'd.e.f', hint: 'api' },
  ]

  it('prints the token of the first identity alone', async () => {
    const api = fakeWorkloadApi({ jwtSvid: { svids } })
    const args = ['jwt', 'fetch', '--audience', 'a', '--audience', 'b', '--id', 'spiffe://example.org/web']
    expect(await runCli(args, api)).toEqual({ code: 0, stdout: 'a.b.c\n', stderr: '' })
    expect(api.requests).toEqual([{ audience: ['a', 'b'], spiffeId: 'spiffe://example.org/web' }])
  })

  it('prints all as JSON', async () => {
    const api = fakeWorkloadApi({ jwtSvid: { svids } })
    const { stdout } = await runCli(['jwt', 'fetch', '--audience', 'a', '--output', 'json'], api)
    expect(JSON.parse(stdout)).toEqual({
      svids: [
        { spiffeId: 'spiffe://example.org/web', token: 'a.b.c' },
        { spiffeId: 'spiffe://example.org/api', token: 'd.e.f', hint: 'api' },
      ],
    })
    expect(api.requests).toEqual([{ audience: ['a'] }])
  })

  it('needs an audience', async () => {
    expect((await runCli(['jwt', 'fetch'])).code).toBe(2)
  })
})

describe('wit fetch', () => {
  async function witMessage() {
    const workload = (await fakeDomain()).tokens.workload('/web')
    const wit = workload.wit(NOW, 3_600)
    const key = JSON.stringify(workload.key.exportJwk())
    const svids = [{ spiffeId: 'spiffe://example.org/web', witSvid: wit, witSvidKey: key, hint: '' }]
    return { workload, wit, key, message: { svids } }
  }

  it('prints identity, end and thumbprint, neither token nor key', async () => {
    const { workload, wit, message } = await witMessage()
    const thumbprint = await jwkThumbprint(workload.key.publicJwk, nodeCrypto)
    const api = fakeWorkloadApi({ witSvid: message })
    const { code, stdout } = await runCli(['wit', 'fetch', '--id', 'spiffe://example.org/web'], api)
    expect(code).toBe(0)
    expect(stdout).toBe(
      [
        'spiffe id       spiffe://example.org/web',
        'expires         2026-11-22T23:00:00Z, in 1 h',
        `key thumbprint  ${thumbprint}`,
        '',
      ].join('\n'),
    )
    expect(api.requests).toEqual([{ spiffeId: 'spiffe://example.org/web' }])
    const json = await runCli(['wit', 'fetch', '--output', 'json'], fakeWorkloadApi({ witSvid: message }))
    expect(JSON.parse(json.stdout)).toEqual({
      svids: [{ spiffeId: 'spiffe://example.org/web', expiresAt: NOW + 3_600, thumbprint }],
      written: [],
    })
    expect(json.stdout).not.toContain(wit.split('.')[2])
  })

  it('writes token and key, the key for its owner only', async () => {
    const { wit, key, message } = await witMessage()
    const folder = await temporaryFolder()
    const args = ['wit', 'fetch', '--write', folder, '--output', 'json']
    const { stdout } = await runCli(args, fakeWorkloadApi({ witSvid: message }))
    expect(JSON.parse(stdout).written).toEqual([join(folder, 'key.jwk'), join(folder, 'wit.jwt')])
    expect(await readFile(join(folder, 'wit.jwt'), 'utf8')).toBe(`${wit}\n`)
    expect(await readFile(join(folder, 'key.jwk'), 'utf8')).toBe(`${key}\n`)
    expect((await stat(join(folder, 'key.jwk'))).mode & 0o777).toBe(0o600)
  })
})
