import { mkdir, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { encodePem } from '@countersign/protocol'
import { describe, expect, it, onTestFinished } from 'vitest'
import { privateKeyPem } from './files/pem.ts'
import { type FakeDomain, fakeDomain } from './test-support/fake-domain.ts'
import { fakeWorkloadApi } from './test-support/fake-workload-api.ts'
import { runCli } from './test-support/run-cli.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const ENTRIES = { entries: [], revision: 1 }

/** A server with this identity, over TLS on loopback, that notes who asked and with what. */
async function startServer(domain: FakeDomain, path = '/countersign/server', answer: object = ENTRIES) {
  const requests: { readonly peer: string | undefined; readonly authorization: string | undefined }[] = []
  let connections = 0
  const { certificate, key } = await domain.issue(path)
  const server = createServer(
    {
      key: privateKeyPem(key.exportPkcs8()),
      cert: encodePem([certificate]),
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
    },
    (request: IncomingMessage, response) => {
      const peer = (request.socket as TLSSocket).getPeerX509Certificate()?.subjectAltName
      requests.push({ peer, authorization: request.headers.authorization })
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    },
  )
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, requests, connections: () => connections }
}

async function program(domain: FakeDomain) {
  const { certificate, key } = await domain.issue('/team-a/ci')
  const svid = {
    spiffeId: `spiffe://${domain.name}/team-a/ci`,
    x509Svid: certificate,
    x509SvidKey: key.exportPkcs8(),
    bundle: domain.root,
  }
  const bundles = { [`spiffe://${domain.name}`]: domain.root }
  return fakeWorkloadApi({ x509Svid: { svids: [svid], federatedBundles: {} }, x509Bundles: { bundles } })
}

async function tokenFile(text: string): Promise<string> {
  const folder = await temporaryFolder()
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'token'), text)
  return join(folder, 'token')
}

describe('administration over the network', () => {
  it("shows this program's own certificate, fetched from the Workload API", async () => {
    const domain = await fakeDomain()
    const server = await startServer(domain)
    const { modules } = await program(domain)
    const result = await runCli(['entry', 'list', '--server', server.url], { modules })
    expect(result).toEqual({ code: 0, stdout: 'no entries\n', stderr: '' })
    expect(server.requests).toEqual([{ peer: 'URI:spiffe://example.org/team-a/ci', authorization: undefined }])
    const fromEnvironment = { modules, env: { COUNTERSIGN_SERVER: server.url } }
    expect((await runCli(['entry', 'list'], fromEnvironment)).code).toBe(0)
  })

  it('shows a token to the server that is named, and no certificate', async () => {
    const domain = await fakeDomain()
    const server = await startServer(domain)
    const token = ['--token-file', await tokenFile('abc.def.ghi\n')]
    const id = ['--server-id', 'spiffe://example.org/countersign/server']
    const { modules } = await program(domain)
    expect((await runCli(['entry', 'list', '--server', server.url, ...token, ...id], { modules })).code).toBe(0)
    const bundle = join(await temporaryFolder(), 'bundle.json')
    await writeFile(bundle, JSON.stringify(domain.bundle))
    const alone = ['entry', 'list', '--server', server.url, ...token, ...id, '--server-bundle', bundle]
    expect((await runCli(alone)).code).toBe(0)
    expect(server.requests).toEqual(Array(2).fill({ peer: undefined, authorization: 'Bearer abc.def.ghi' }))
  })

  it.each([
    ['another program of the trust domain', '/team-b/web', 'example.org'],
    ['a server of another trust domain', '/countersign/server', 'evil.example'],
  ])('shows nothing to %s', async (_name, path, name) => {
    const [domain, other] = [await fakeDomain(), await fakeDomain(name)]
    const server = await startServer(name === 'example.org' ? domain : other, path)
    const { modules } = await program(domain)
    const token = [
      '--token-file',
      await tokenFile('abc.def.ghi'),
      '--server-id',
      'spiffe://example.org/countersign/server',
    ]
    const { code, stderr } = await runCli(['entry', 'list', '--server', server.url, ...token], { modules })
    expect(code).toBe(1)
    expect(stderr).toContain('(ERR_ADMIN_SERVER_IDENTITY)')
    expect(server.connections()).toBe(1)
    expect(server.requests).toEqual([])
  })

  it('believes no impostor with the right name from another authority', async () => {
    const [domain, forged] = [await fakeDomain(), await fakeDomain()]
    const server = await startServer(forged)
    const { modules } = await program(domain)
    const { stderr } = await runCli(['entry', 'list', '--server', server.url], { modules })
    expect(stderr).toContain('(ERR_ADMIN_SERVER_IDENTITY)')
    expect(server.requests).toEqual([])
  })

  it('says what to do when nobody listens, and when something else does', async () => {
    const domain = await fakeDomain()
    const { modules } = await program(domain)
    const nobody = await runCli(['entry', 'list', '--server', 'https://127.0.0.1:1'], { modules })
    expect(nobody.stderr).toContain('(ERR_ADMIN_SERVER_UNREACHABLE)\ndetail: ECONNREFUSED\nhint: check the address')
    const other = await startServer(domain, '/countersign/server', [])
    const token = ['--token-file', await tokenFile('a b')]
    const id = ['--server-id', 'spiffe://example.org/countersign/server']
    const malformed = await runCli(['entry', 'list', '--server', other.url, ...token, ...id], { modules })
    expect(malformed.stderr).toContain('(ERR_CLI_FILE_MALFORMED)')
    expect(malformed.stderr).not.toContain('a b')
  })

  it.each([
    ['two servers', ['--server', 'https://a', '--admin-socket', '/s'], 2],
    ['options of the network without a server', ['--token-file', '/t'], 2],
    ['a token for nobody in particular', ['--server', 'https://a', '--token-file', '/t'], 2],
    ['no origin', ['--server', 'https://a/v1'], 1],
    ['no https', ['--server', 'http://a'], 1],
    ['no server id', ['--server', 'https://a', '--server-id', 'a'], 2],
  ])('refuses %s', async (_name, args, expected) => {
    expect((await runCli(['entry', 'list', ...args])).code).toBe(expected)
  })
})
