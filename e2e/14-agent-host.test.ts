/** Faults of the agent's own host, and a trust domain that has changed beyond recognition meanwhile. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AuthorityView } from '@countersign/api'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Holder } from './support/holder.ts'
import { COMMAND, countersign, Program } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const STAGE = fileURLToPath(new URL('./support/pid-reuse/stage.mjs', import.meta.url))
const VICTIM = fileURLToPath(new URL('./support/pid-reuse/victim.mjs', import.meta.url))
const NAMESPACE = ['--pid', '--fork', '--mount-proc', '--kill-child']
const UID = `--selector=unix:uid:${process.getuid?.() ?? 0}`

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

const register = (parent: string, ...selectors: readonly string[]) =>
  domain.admin('entry', 'create', '--id', 'spiffe://example.org/app', '--parent', parent, ...selectors)

describe('two agents with one state folder', () => {
  it('the second refuses to start and names the first; a crash frees the folder', async () => {
    await domain.startServer()
    await register(await domain.invite(), ...Holder.selectors)
    const first = await domain.startAgent()
    const holder = Holder.start(domain)
    const held = await holder.holdsAll()
    const config = join(domain.folder, 'second.yaml')
    const sockets = 'socket: ./second.sock\noperator: { socket: ../operator-2.sock }\n'
    writeFileSync(config, readFileSync(domain.agentConfig, 'utf8').replace(/^socket: .*\n/m, sockets))
    const second = await countersign(['agent', 'run', '--config', config])
    expect(second.exitCode).toBe(1)
    expect(second.stderr).toContain('ERR_AGENT_STATE_LOCKED')
    expect(second.stderr).toContain(`process ${first.pid}`)
    expect(await Holder.start(domain).holdsAll()).toEqual(held)

    await first.kill()
    await domain.start([COMMAND, 'agent', 'run', '--config', config]).untilOutput(/agent is ready/)
    holder.expectHonesty()
  })
})

describe('a process id that is given to another program', () => {
  // Elsewhere nobody can say which process id comes next, and four million would have to be used up.
  const canChoosePids = process.geteuid?.() === 0 && spawnSync('unshare', [...NAMESPACE, 'true']).status === 0

  it.skipIf(!canChoosePids)(
    'after a program connected: who has the connection does not get the identity of who has the id (needs root and unshare)',
    async () => {
      await domain.startServer()
      await register(await domain.invite(), UID, `--selector=unix:script:path:${VICTIM}`)
      const run = [...NAMESPACE, process.execPath, STAGE, COMMAND, domain.agentConfig, domain.folder]
      const stage = new Program(run, {}, 'unshare')
      const { exitCode, stdout, stderr } = await stage.finished().finally(() => stage.kill())
      expect(exitCode, stderr).toBe(0)
      const { control, pid, answer } = JSON.parse(stdout)
      expect(control).toBe('identity')
      expect(pid, 'the id was given to another program').toBeGreaterThan(1)
      expect(answer).toMatch(/^refused: 14$|^closed/)
    },
  )
})

describe('all signing keys were replaced while the agent was away', () => {
  it('it believes nobody but its operator, says what it needs, and goes on under its name', async () => {
    await domain.startServer()
    const agentId = await domain.invite()
    await register(agentId, ...Holder.selectors)
    const away = await domain.startAgent()
    const held = await Holder.start(domain).holdsAll()
    await away.stop()
    for (const old of (await domain.admin('authority', 'list'))['authorities'] as readonly AuthorityView[]) {
      const { id } = await domain.admin('authority', 'prepare', old.kind)
      await domain.admin('authority', 'activate', String(id), '--force')
      await domain.admin('authority', 'taint', old.id)
      await domain.admin('authority', 'revoke', old.id, '--force')
    }

    const agent = await domain.startAgent()
    await agent.until(() => agent.log.some(({ code }) => code === 'ERR_AGENT_SERVER_IDENTITY'), 'it believes nobody')
    const bundle = join(domain.folder, 'bundle.json')
    await expect
      .poll(async () => (await domain.agentStatus()).needs, { timeout: 30_000 })
      .toEqual([
        { say: expect.stringContaining(bundle), command: ['countersign', 'bundle', 'show', '--format', 'spiffe'] },
      ])
    // What it has is of keys that it cannot know to be revoked: for its programs nothing has changed yet.
    expect(await Holder.start(domain).holdsAll()).toEqual(held)

    expect(await domain.invite()).toBe(agentId)
    await agent.until(() => agent.log.some(({ msg }) => msg === 'agent attested'), 'it attested anew', 120_000)
    const holder = Holder.start(domain)
    await holder.holdsAll(held)
    holder.expectHonesty()
    const [node, ...others] = (await domain.admin('node', 'list'))['nodes'] as readonly { readonly agentId: string }[]
    expect([node?.agentId, others]).toEqual([agentId, []])
  }, 240_000)
})
