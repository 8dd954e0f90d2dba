/** An operator asks the agent about running programs: who has an identity, who has none, and what to do about it. */
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { COMMAND, countersign, type Finished, type Program } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const WORKLOAD = fileURLToPath(new URL('./support/workload.mjs', import.meta.url))
const mayUnshare = spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0
const unshareReason = mayUnshare ? '' : ' (skipped: this user may make no pid namespace)'

let domain: TrustDomain
let parent: string
let server: Program
let agent: Program
beforeEach(async () => {
  domain = await TrustDomain.create()
  server = await domain.startServer()
  parent = await domain.invite()
  agent = await domain.startAgent()
})
afterEach(() => domain.remove())

const operatorSocket = () => join(domain.folder, 'agent', 'operator.sock')
const ask = (...args: readonly string[]) => countersign(['agent', ...args, '--operator-socket', operatorSocket()])
const startWorkload = () => domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })

interface Asked {
  readonly exitCode: number | null
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  readonly json: any
}

/** Asks until the answer is the expected one: what an operator changes reaches the agent at once, but not before. */
async function askUntil(holds: (asked: Asked) => boolean, ...args: readonly string[]): Promise<Asked> {
  let last: Finished | undefined
  for (let turn = 0; turn < 30; turn++) {
    last = await ask(...args, '--output', 'json')
    const asked = { exitCode: last.exitCode, json: last.stdout === '' ? undefined : JSON.parse(last.stdout) }
    if (holds(asked)) return asked
  }
  throw new Error(`answer never came, the last one: ${JSON.stringify(last)}`)
}

const explainUntil = (pid: number, holds: (asked: Asked) => boolean) => askUntil(holds, 'explain', '--pid', String(pid))

describe('countersign agent explain', () => {
  it('tells how to give a program an identity; done as told, the program has one', async () => {
    const workload = startWorkload()
    await workload.untilOutput(/"retry":"ERR_WORKLOAD_API_DENIED"/)
    const before = await explainUntil(workload.pid, ({ json }) => json?.outcome === 'no-identity')
    expect(before.exitCode).toBe(1)
    expect(before.json).toMatchObject({
      outcome: 'no-identity',
      process: { pid: workload.pid, program: process.execPath },
      agent: { state: 'ready', agentId: parent, entries: 0 },
      attestors: [{ name: 'unix' }],
      identities: [],
    })
    const texts = before.json.attestors[0].selectors.map(({ value }: { value: string }) => value)
    expect(texts).toEqual(expect.arrayContaining([`path:${process.execPath}`, `script:path:${WORKLOAD}`]))
    const human = await ask('explain', '--pid', String(workload.pid))
    expect(human).toMatchObject({ exitCode: 1, stderr: '' })
    expect(human.stdout).toContain('no entry has this agent for its parent')

    // The very line that was printed, by a shell.
    const line = /^ {2}\$ countersign (entry create .*)$/m.exec(human.stdout)?.[1] ?? ''
    const env = { PATH: process.env['PATH'] ?? '', COUNTERSIGN_ADMIN_SOCKET: domain.adminSocket }
    const done = spawnSync('/bin/sh', ['-c', `'${process.execPath}' '${COMMAND}' ${line}`], { env, encoding: 'utf8' })
    expect(done.stderr).toBe('')
    expect(done.status).toBe(0)
    const after = await explainUntil(workload.pid, ({ exitCode }) => exitCode === 0)
    expect(after.json).toMatchObject({
      outcome: 'identity',
      identities: [{ spiffeId: 'spiffe://example.org/workload' }],
    })
    await workload.untilOutput(/"identities":\["spiffe:\/\/example\.org\/workload"\]/)
  })

  it('names the nearest entry and what is missing', async () => {
    const selectors = [`--selector=unix:uid:${process.getuid?.()}`, '--selector=unix:path:/nowhere']
    const entry = ['entry', 'create', '--id', 'spiffe://example.org/app', '--parent', parent]
    const { id } = await domain.admin(...entry, ...selectors)
    const workload = startWorkload()
    const { exitCode, json } = await explainUntil(workload.pid, (asked) => asked.json?.nearest.length > 0)
    expect(exitCode).toBe(1)
    expect(json.nearest).toEqual([
      { entryId: id, spiffeId: 'spiffe://example.org/app', missing: ['unix:path:/nowhere'], expired: false },
    ])
    // The program itself hears nothing of it.
    expect(workload.output).not.toContain('spiffe://example.org/app')
  })

  it('refuses what is no running process, over a socket that is open to its owner only', async () => {
    const workload = startWorkload()
    const { pid } = workload
    await workload.kill()
    expect(await ask('explain', '--pid', String(pid))).toMatchObject(refusal('ERR_OPERATOR_NO_PROCESS'))
    expect((await ask('explain', '--pid', 'all')).exitCode).toBe(2)
    expect(statSync(operatorSocket()).mode & 0o777).toBe(0o600)
  })

  it.skipIf(!mayUnshare)(
    `refuses to guess which process is meant from another pid namespace${unshareReason}`,
    async () => {
      const args = [process.execPath, COMMAND, 'agent', 'explain', '--pid', '1', '--operator-socket', operatorSocket()]
      const asked = spawnSync('unshare', ['--pid', '--fork', ...args], { encoding: 'utf8', timeout: 30_000 })
      expect(asked.status).toBe(1)
      expect(asked.stderr).toContain('ERR_OPERATOR_PID_NAMESPACE')
    },
  )
})

describe('countersign agent status', () => {
  it('follows the connection to the server', async () => {
    const { json } = await askUntil((asked) => asked.json?.server.connected === true, 'status')
    expect(json).toMatchObject({ trustDomain: 'example.org', agentId: parent, state: 'ready' })
    await server.kill()
    const alone = await askUntil((asked) => asked.json?.server.connected === false, 'status')
    expect(alone.json).toMatchObject({ state: 'ready', server: { trouble: { message: expect.any(String) } } })
  })

  it('says that no agent runs, after a crash and after a good end', async () => {
    await agent.kill()
    expect(await ask('status')).toMatchObject(refusal('ERR_OPERATOR_SOCKET_REFUSED'))
    agent = await domain.startAgent()
    expect((await ask('status')).exitCode).toBe(0)
    await agent.stop()
    expect(await ask('status')).toMatchObject(refusal('ERR_OPERATOR_SOCKET_MISSING'))
  })
})

function refusal(code: string): Partial<Record<keyof Finished, unknown>> {
  return { exitCode: 1, stdout: '', stderr: expect.stringMatching(new RegExp(`\\(${code}\\)\\nhint: `)) }
}
