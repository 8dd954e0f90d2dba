/**
 * A company's root on disk is above a server: programs are believed by it alone; the root is replaced in its files while
 * everything runs, and the old one leaves the bundle when an operator revokes what was below it.
 */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AuthorityView } from '@countersign/api'
import { buildCaCertificate, encodePem, randomSerial } from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { COMMAND, countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const PROGRAM = fileURLToPath(new URL('./support/both-proofs.mjs', import.meta.url))
const PATIENCE_MS = 90_000

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create(
    'example.org',
    `bundle: { refreshHint: 1 }
upstreamAuthority: { name: disk, config: { certFile: ./root.pem, keyFile: ./root.key, rootsFile: ./roots.pem } }
`,
  )
})
afterEach(() => domain.remove())

function makeRoot() {
  const key = generateSigningKey('ES256')
  const now = Math.floor(Date.now() / 1000)
  const pem = encodePem([
    buildCaCertificate({
      ...{ key, crypto, trustDomain: 'example.org', subject: { commonName: 'Company root' } },
      ...{ notBefore: now - 60, notAfter: now + 86_400, serial: randomSerial(crypto) },
    }) as Uint8Array,
  ])
  const lines =
    Buffer.from(key.exportPkcs8())
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return { pem, key: `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n` }
}
const put = (name: string, text: string) => writeFileSync(join(domain.folder, name), text)
const list = async () => (await domain.admin('authority', 'list'))['authorities'] as readonly AuthorityView[]
const active = async () => (await list()).find(({ kind, state }) => kind === 'x509' && state === 'active')
async function roots(): Promise<string> {
  const { stdout } = await countersign(['bundle', 'show', '--format=pem', '--admin-socket', domain.adminSocket])
  return stdout.trim()
}

async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

it('a root on disk, replaced while everything runs', { timeout: 600_000 }, async () => {
  const [first, second] = [makeRoot(), makeRoot()]
  put('root.pem', first.pem)
  put('roots.pem', first.pem)
  put('root.key', first.key)
  const refused = await domain.start([COMMAND, 'server', 'run', '--config', domain.serverConfig]).finished()
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('ERR_UPSTREAM_AUTHORITY_PERMISSIONS') })
  chmodSync(join(domain.folder, 'root.key'), 0o600)

  await domain.startServer()
  expect(await roots()).toBe(first.pem.trim())
  const parent = await domain.invite()
  await domain.startAgent()
  await domain.admin(
    ...['entry', 'create', '--id', 'spiffe://example.org/web', '--parent', parent],
    ...['--selector', `unix:uid:${process.getuid?.() ?? 0}`],
  )
  const env = { SPIFFE_ENDPOINT_SOCKET: domain.endpoint }
  const service = domain.start([PROGRAM, 'serve'], env)
  await service.untilOutput(/"https":\d+/)
  const { http, https } = JSON.parse(/\{"http".*\}/.exec(service.output)?.[0] ?? '{}')
  const client = domain.start([PROGRAM, 'ask', 'spiffe://example.org/web', String(http), String(https)], env)
  await client.untilOutput(/{"how":"mtls","answer":"spiffe:\/\/example.org\/web"}/)

  const old = await active()
  put('roots.pem', first.pem + second.pem)
  await eventually('both roots are published', async () => (await roots()).includes(second.pem.trim()))
  put('root.pem', second.pem)
  put('root.key', second.key)
  put('roots.pem', second.pem)
  await eventually('a CA below the new root signs', async () => (await active())?.id !== old?.id)
  // What the old one signed is good still, so its root stays until somebody ends that.
  expect(await roots()).toContain(first.pem.trim())
  await domain.admin('authority', 'taint', old?.id ?? '')
  const isDone = async () => (await list()).every(({ taint }) => taint === undefined || taint.waiting === 0)
  await eventually('nothing is left of the old CA', isDone)
  await domain.admin('authority', 'revoke', old?.id ?? '')
  expect(await roots()).toBe(second.pem.trim())
  const before = client.output.split('\n').length
  await client.until(() => client.output.split('\n').length > before + 5, 'it is answered under the new root')
  expect(client.output).not.toContain('refused')
})
