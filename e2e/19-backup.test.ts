/** A server is backed up while it works, lost, and put back: its agents go on, what was lost is asked for, nothing is issued unasked. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callHttps } from './support/http.ts'
import { countersign, type Finished } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const WORKLOAD = fileURLToPath(new URL('./support/workload.mjs', import.meta.url))

/** Dozens of processes start one after the other, and an agent may wait half a minute before it asks a server again. */
const TIMEOUT = { timeout: 240_000 }
const PATIENCE_MS = 90_000

let domain: TrustDomain
let backup: string
beforeEach(async () => {
  domain = await TrustDomain.create()
  backup = join(domain.folder, 'server.backup')
  writeFileSync(join(domain.folder, 'passphrase'), 'correct horse battery staple\n', { mode: 0o600 })
})
afterEach(() => domain.remove())

const dataDir = () => join(domain.folder, 'server')
const passphrase = () => `--passphrase-file=${join(domain.folder, 'passphrase')}`
const restore = (...more: string[]) =>
  countersign(['server', 'restore', '--from', backup, '--data-dir', dataDir(), ...more])
const doctor = async () => {
  const result = await countersign(['server', 'doctor', '--config', domain.serverConfig, '--output', 'json'])
  const { findings } = JSON.parse(result.stdout) as { findings: { check: string; status: string; next?: string }[] }
  return { exitCode: result.exitCode, problems: findings.filter(({ status }) => status === 'problem'), findings }
}
const ok = (result: Finished) => expect(result, result.stderr).toMatchObject({ exitCode: 0 })
const publicUrl = (output: string) => /public API +(\S+)/.exec(output)?.[1] ?? ''
const entry = (name: string, parent: string) => [
  ...['entry', 'create', '--id', `spiffe://example.org/${name}`, '--parent', parent],
  ...[`--selector=unix:uid:${process.getuid?.()}`, `--selector=unix:script:path:${WORKLOAD}`],
]

describe('a lost server', TIMEOUT, () => {
  it('comes back from its backup on an empty disk: agents keep serving, an operator gives the word, all go on', async () => {
    const first = await domain.startServer()
    const parent = await domain.invite()
    const agent = await domain.startAgent()
    await domain.admin(...entry('app', parent))
    const workload = domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
    await workload.untilOutput(/"identities":\["spiffe:\/\/example\.org\/app"\]/)

    const made = await countersign([
      ...['server', 'backup', '--output-file', backup, passphrase(), '--admin-socket', domain.adminSocket],
    ])
    ok(made)
    expect(made.stderr).toBe('')
    expect(statSync(backup).mode & 0o777).toBe(0o600)
    for (const name of readdirSync(join(dataDir(), 'keys'))) {
      const { pkcs8 } = JSON.parse(readFileSync(join(dataDir(), 'keys', name), 'utf8'))
      expect(readFileSync(backup).includes(pkcs8)).toBe(false)
    }
    await first.kill()
    rmSync(dataDir(), { recursive: true })

    expect((await restore()).stderr).toMatch(/ERR_BACKUP_PASSPHRASE[\s\S]*hint:/)
    ok(await restore(passphrase()))
    const second = await domain.startServer()
    expect((await callHttps(`${publicUrl(second.output)}/ready`)).status).toBe(503)
    expect((await callHttps(`${publicUrl(second.output)}/bundle`)).body).toMatchObject({ code: 'ERR_HOLD_RESTORED' })
    await agent.until(() => agent.output.includes('ERR_HOLD_RESTORED'), 'it heard why', PATIENCE_MS)
    const { exitCode, problems } = await doctor()
    expect(exitCode).toBe(1)
    expect(problems).toMatchObject([
      { check: 'issuance (restore)', next: expect.stringContaining('server resume restore') },
    ])
    // Those that start meanwhile get what the agent has.
    const late = domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
    await late.untilOutput(/"identities":\["spiffe:\/\/example\.org\/app"\]/)

    await domain.admin('server', 'resume', 'restore')
    expect((await callHttps(`${publicUrl(second.output)}/ready`)).status).toBe(200)
    const { entries } = await domain.admin('entry', 'list')
    const [{ id }] = entries as [{ id: string }]
    await domain.admin('entry', 'update', id, '--id', 'spiffe://example.org/renamed')
    await workload.until(() => workload.output.includes('"spiffe://example.org/renamed"'), 'it follows', PATIENCE_MS)
    expect((await doctor()).exitCode).toBe(0)
  })
})

describe('an old store that was put back by hand', TIMEOUT, () => {
  it('is noticed: nothing is issued until an operator says so, and a ban can be repeated first', async () => {
    const first = await domain.startServer()
    const parent = await domain.invite()
    await domain.startAgent()
    await domain.admin(...entry('app', parent))
    const workload = domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
    await workload.untilOutput(/"identities":\["spiffe:\/\/example\.org\/app"\]/)
    await first.stop()
    cpSync(dataDir(), join(domain.folder, 'old'), { recursive: true, filter: (path) => !path.endsWith('.sock') })
    const second = await domain.startServer()
    await domain.admin('node', 'ban', parent)
    await second.stop()
    for (const name of ['server.db', 'server.db-wal']) rmSync(join(dataDir(), name), { force: true })
    cpSync(join(domain.folder, 'old', 'server.db'), join(dataDir(), 'server.db'))

    const stopped = await doctor()
    expect(stopped.problems.map(({ check }) => check)).toEqual(['high-water mark'])
    const third = await domain.startServer()
    const isHeld = () => third.log.some(({ event, cause }) => event === 'issuance.held' && cause === 'rolled-back')
    await third.until(isHeld, 'it said that it issues nothing')
    expect((await callHttps(`${publicUrl(third.output)}/ready`)).status).toBe(503)
    const { nodes } = await domain.admin('node', 'list')
    expect(nodes).toEqual([expect.not.objectContaining({ bannedAt: expect.anything() })])
    await domain.admin('node', 'ban', parent)
    await domain.admin('server', 'resume', 'restore')
    expect((await callHttps(`${publicUrl(third.output)}/ready`)).status).toBe(200)
    await workload.until(() => workload.output.includes('ERR_WORKLOAD_API_DENIED'), 'it is denied', PATIENCE_MS)
  })
})

describe('restore', TIMEOUT, () => {
  it('refuses a running server, a folder with data and a damaged file; over data it moves that aside and goes on counting', async () => {
    const server = await domain.startServer()
    const parent = await domain.invite()
    const made = await countersign(['server', 'backup', '--output-file', backup, '--admin-socket', domain.adminSocket])
    expect(made.stderr).toContain('private signing keys in the clear')
    expect((await restore('--force')).stderr).toContain('ERR_BACKUP_TARGET_IN_USE')
    const { revision } = await domain.admin(...entry('late', parent))
    await server.stop()
    expect((await restore()).stderr).toContain('ERR_BACKUP_TARGET_NOT_EMPTY')
    const whole = readFileSync(backup)
    writeFileSync(backup, Buffer.concat([whole.subarray(0, 9000), Buffer.alloc(4, 0x5a), whole.subarray(9004)]))
    expect((await restore('--force')).stderr).toMatch(/ERR_BACKUP_FORMAT/)
    writeFileSync(backup, whole)
    const done = await restore('--force', '--resume')
    ok(done)
    expect(done.stdout).toContain('before-restore-')
    const again = await domain.startServer()
    expect((await callHttps(`${publicUrl(again.output)}/ready`)).status).toBe(200)
    const created = await domain.admin(...entry('next', parent))
    expect(Number(created['revision'])).toBeGreaterThan(Number(revision))
  })
})

describe('doctor', TIMEOUT, () => {
  it('names what is wrong with a configuration, a folder and keys, and what to do, with an exit status', async () => {
    expect((await doctor()).exitCode).toBe(0)
    const server = await domain.startServer()
    expect((await doctor()).problems).toEqual([])
    await server.stop()
    expect((await doctor()).problems).toEqual([])
    const [key = ''] = readdirSync(join(dataDir(), 'keys'))
    rmSync(join(dataDir(), 'keys', key))
    mkdirSync(join(dataDir(), '.backup-abc123'))
    const hurt = await doctor()
    expect(hurt.exitCode).toBe(1)
    expect(hurt.problems).toMatchObject([{ check: `authority ${key.replace('.json', '')}`, next: expect.any(String) }])
    expect(hurt.findings).toContainEqual(expect.objectContaining({ check: 'temporary files', status: 'warning' }))
    // It changed nothing: the server itself makes another key, and cleans up.
    expect(readdirSync(dataDir())).toContain('.backup-abc123')
    const next = await domain.startServer()
    expect((await doctor()).problems).toEqual([])
    await next.stop()
    writeFileSync(domain.serverConfig, readFileSync(domain.serverConfig, 'utf8').replace('port:', 'prot:'))
    const { exitCode, problems } = await doctor()
    expect(exitCode).toBe(1)
    expect(problems).toMatchObject([{ check: 'configuration', next: expect.stringContaining('validate') }])
  })

  it('says so when a process holds the store and does not answer', async () => {
    await domain.startServer()
    rmSync(domain.adminSocket)
    const { exitCode, problems } = await doctor()
    expect(exitCode).toBe(1)
    expect(problems).toMatchObject([{ check: 'server', next: expect.stringContaining('fuser') }])
  })
})
