/** A new key signs before an agent that is cut off could hear of it: once it can reach the server again, it follows by itself. */
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { AuthorityView, SyncState } from '@countersign/api'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BadNetwork } from './support/bad-network.ts'
import { Holder } from './support/holder.ts'
import { COMMAND, countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const PATIENCE_MS = 60_000

let domain: TrustDomain
let network: BadNetwork
beforeEach(async () => {
  domain = await TrustDomain.create()
  network = await BadNetwork.open({ port: domain.machinePort, delayMs: 0, loss: 0, seed: 1 })
})
afterEach(async () => {
  await domain.remove()
  await network.close()
})

const listed = async () => (await domain.admin('authority', 'list'))['authorities'] as readonly AuthorityView[]
const sequence = (bundle: unknown) => (bundle as { spiffe_sequence: number }).spiffe_sequence
const isTold = async () => {
  const { bundles } = JSON.parse(readFileSync(join(domain.folder, 'agent', 'sync.json'), 'utf8')) as SyncState
  const shown = await countersign(['bundle', 'show', '--format', 'spiffe', '--admin-socket', domain.adminSocket])
  return sequence(bundles[0]?.bundle) === sequence(JSON.parse(shown.stdout))
}
const signerOf = (certificate: X509Certificate) => /x509-[0-9a-f]{32}/.exec(certificate.issuer)?.[0]

/** The authority that signed what the server shows to agents. */
function serverSigner(): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port: domain.machinePort, rejectUnauthorized: false }
    const socket = connect(to, () => {
      resolve(signerOf(new X509Certificate(socket.getPeerCertificate().raw)))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

it('an agent that was cut off follows keys that were forced', { timeout: 240_000 }, async () => {
  await domain.startServer()
  const url = `https://127.0.0.1:${network.port}`
  writeFileSync(domain.agentConfig, readFileSync(domain.agentConfig, 'utf8').replace(/https:[^ }]+/, url))
  const parent = await domain.invite()
  await domain.admin('entry', 'create', '--id', 'spiffe://example.org/app', '--parent', parent, ...Holder.selectors)
  const agent = await domain.startAgent()
  const holder = Holder.start(domain)
  const held = await holder.holdsAll()
  await expect.poll(isTold, { timeout: PATIENCE_MS }).toBe(true)
  const olds = await listed()
  const old = olds.find(({ kind }) => kind === 'x509')?.id
  expect(await serverSigner()).toBe(old)

  network.cut()
  for (const { kind } of olds) {
    const { id } = await domain.admin('authority', 'prepare', kind)
    await domain.admin('authority', 'activate', String(id), '--force')
  }
  const next = (await listed()).find(({ kind, state }) => kind === 'x509' && state === 'active')?.id
  expect(next).not.toBe(old)
  expect(await isTold()).toBe(false)
  network.mend()
  await expect.poll(isTold, { timeout: PATIENCE_MS }).toBe(true)
  expect(await serverSigner()).toBe(old)

  // What is signed from now on, the new key signs, while the server shows what the old one signed.
  const folder = join(domain.folder, 'fetched')
  mkdirSync(folder)
  const create = (id: string) =>
    domain.admin(
      ...['entry', 'create', '--id', id, '--parent', parent, '--selector', `unix:uid:${process.getuid?.() ?? 0}`],
      ...['--selector', `unix:script:path:${COMMAND}`],
    )
  const fetch = async () => {
    const socket = ['--socket', domain.endpoint, '--output', 'json']
    const fetched = await countersign(['x509', 'fetch', '--write', folder, ...socket])
    return fetched.exitCode === 0 ? fetched.stdout : ''
  }
  const untilFetched = (id: string) => expect.poll(fetch, { timeout: PATIENCE_MS, interval: 500 }).toContain(id)
  await create('spiffe://example.org/late')
  await untilFetched('spiffe://example.org/late')
  expect(signerOf(new X509Certificate(readFileSync(join(folder, 'svid.pem'))))).toBe(next)

  for (const { id } of olds) await domain.admin('authority', 'taint', id)
  await holder.holdsAll(held, PATIENCE_MS)
  const left = async () => (await listed()).filter(({ taint }) => taint !== undefined && taint.waiting > 0)
  await expect.poll(left, { timeout: PATIENCE_MS, interval: 500 }).toEqual([])
  expect(await serverSigner()).toBe(old)
  const refused = () => agent.log.filter(({ code }) => code === 'ERR_AGENT_SERVER_IDENTITY')
  expect(refused()).toEqual([])

  for (const { id } of olds) await domain.admin('authority', 'revoke', id)
  await expect.poll(serverSigner, { timeout: PATIENCE_MS }).toBe(next)
  network.cut()
  network.mend()
  await create('spiffe://example.org/last')
  await untilFetched('spiffe://example.org/last')
  holder.expectHonesty()
  expect(holder.refusals).toEqual([])
})
