/** The attestor on real processes of this machine. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, realpathSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PeerProcess, silentLogger, systemClock } from '@countersign/plugin-kit'
import { describeWorkloadAttestor } from '@countersign/plugin-kit/contract'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import unix from './index.ts'
import { parseProcessStat } from './proc/process-stat.ts'
import { UnixWorkloadAttestor } from './unix-workload-attestor.ts'

const context = { clock: systemClock, log: silentLogger, dataDir: '/nonexistent' }
const { signal } = new AbortController()
const children: ChildProcess[] = []
let folder: string

const NODE_LOOP = 'process.stdout.write("ready"); setInterval(() => {}, 1000)'
const SHELL_LOOP = 'echo ready\nread line\n'

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'attest-')))
})
afterEach(async () => {
  await Promise.all(children.splice(0).map(end))
  await rm(folder, { recursive: true })
})

/** Starts a program and waits until it says that it runs. */
async function start(
  command: string,
  args: string[],
  options: { uid?: number; gid?: number; cwd?: string } = {},
): Promise<PeerProcess> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], cwd: folder, ...options })
  children.push(child)
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve())
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${command} ended`)))
  })
  return peerOf(child, options)
}

function peerOf(child: ChildProcess, ids: { uid?: number; gid?: number } = {}): PeerProcess {
  const pid = child.pid ?? 0
  const startTime = parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.startTime ?? ''
  const isAlive = () => child.exitCode === null && child.signalCode === null
  return { pid, uid: ids.uid ?? process.getuid!(), gid: ids.gid ?? process.getgid!(), startTime, isAlive }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

async function script(name: string, content: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

const sha256 = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')

async function attest(peer: PeerProcess, config: object = {}): Promise<string[]> {
  const attestor = unix.create(unix.parseConfig(config), context)
  return (await attestor.attest(peer, signal)).map((selector) => selector.value)
}

describeWorkloadAttestor('unix', async () => {
  const running = spawn(process.execPath, ['-e', NODE_LOOP], { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise((resolve) => running.stdout.once('data', resolve))
  const short = spawn(process.execPath, ['-e', NODE_LOOP], { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise((resolve) => short.stdout.once('data', resolve))
  const ended = peerOf(short)
  await end(short)
  return {
    attestor: unix.create(unix.parseConfig(undefined), context),
    selectorType: 'unix',
    peer: peerOf(running),
    ended,
    dispose: () => end(running),
  }
})

describe('unix attestor on real processes', () => {
  it('reports who runs it, what runs and which script', async () => {
    const path = await script('app.mjs', NODE_LOOP)
    const node = realpathSync(process.execPath)
    const selectors = await attest(await start(process.execPath, ['--no-warnings', 'app.mjs', 'x']))
    expect(selectors).toEqual(
      expect.arrayContaining([
        `uid:${process.getuid!()}`,
        `gid:${process.getgid!()}`,
        `path:${node}`,
        `sha256:${await sha256(node)}`,
        `script:path:${path}`,
        `script:sha256:${await sha256(path)}`,
      ]),
    )
  })

  it('reports supplementary groups as the kernel has them', async () => {
    // Not process.getgroups(), which adds the group of the process itself.
    const groups = /^Groups:(.*)$/m
      .exec(await readFile('/proc/self/status', 'utf8'))![1]!
      .trim()
      .split(' ')
    const selectors = await attest(await start(process.execPath, ['-e', NODE_LOOP]))
    const reported = selectors.flatMap((text) => /^supplementary_gid:([0-9]+)$/.exec(text)?.[1] ?? [])
    expect(reported.map(Number)).toEqual([...new Set(groups.filter((gid) => gid !== '').map(Number))])
  })

  it('follows links to the script', async () => {
    const path = await script('real.sh', SHELL_LOOP)
    await symlink('real.sh', join(folder, 'link.sh'))
    const selectors = await attest(await start('/bin/sh', ['-e', join(folder, 'link.sh')]))
    expect(selectors).toContain(`script:path:${path}`)
  })

  it('finds the script of a "#!" line', async () => {
    const path = await script('tool', `#!/bin/sh\n${SHELL_LOOP}`)
    await chmod(path, 0o755)
    expect(await attest(await start(path, []))).toContain(`script:path:${path}`)
  })

  it('finds a script relative to where the process is', async () => {
    await mkdir(join(folder, 'sub'))
    const path = await script('up.sh', SHELL_LOOP)
    const selectors = await attest(await start('/bin/sh', ['../up.sh'], { cwd: join(folder, 'sub') }))
    expect(selectors).toContain(`script:path:${path}`)
  })

  it('reports no script of code given on the command line', async () => {
    const selectors = await attest(await start(process.execPath, ['-e', NODE_LOOP, 'app.mjs']))
    expect(selectors.filter((text) => text.startsWith('script:'))).toEqual([])
  })

  it('reports no path of a deleted program, but the hash of what runs', async () => {
    const path = join(folder, 'shell')
    await copyFile('/bin/sh', path)
    const peer = await start(path, ['-c', SHELL_LOOP])
    expect(await attest(peer)).toContain(`path:${path}`)
    const hash = await sha256(path)
    await rm(path)
    await copyFile('/bin/true', path)
    const selectors = await attest(peer)
    expect(selectors.filter((text) => text.startsWith('path:'))).toEqual([])
    expect(selectors).toContain(`sha256:${hash}`)
  })

  it('omits hashes above the limits, and all of them at 0', async () => {
    const path = await script('app.mjs', `${NODE_LOOP}\n//${'x'.repeat(1000)}`)
    const peer = await start(process.execPath, [path])
    const hashes = async (config: object) => (await attest(peer, config)).filter((text) => text.includes('sha256'))
    expect(await hashes({ maxExecutableBytes: 1000, maxScriptBytes: 500 })).toEqual([])
    expect(await hashes({ maxExecutableBytes: 0, maxScriptBytes: 0 })).toEqual([])
    expect(await hashes({ maxScriptBytes: 0 })).toEqual([`sha256:${await sha256(process.execPath)}`])
    expect(await attest(peer, { maxScriptBytes: 500 })).toContain(`script:path:${path}`)
  })

  it('refuses a process that acts as another user than when it connected', async () => {
    const peer = await start(process.execPath, ['-e', NODE_LOOP])
    for (const changed of [{ uid: peer.uid + 1 }, { gid: peer.gid + 1 }]) {
      await expect(attest({ ...peer, ...changed })).rejects.toThrow(
        expect.objectContaining({ name: 'AttestationError', code: 'ERR_ATTESTATION_REFUSED' }),
      )
    }
  })

  it('refuses a process that has ended but is not collected', async () => {
    // The child of a shell that became "sleep" is never waited for.
    const parent = spawn('/bin/sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
    children.push(parent)
    const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)))
    let stat = parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    for (let round = 0; round < 100_000 && stat?.state !== 'Z'; round++) {
      stat = parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    }
    expect(stat?.state).toBe('Z')
    const zombie = {
      pid,
      uid: process.getuid!(),
      gid: process.getgid!(),
      startTime: stat!.startTime,
      isAlive: () => true,
    }
    await expect(attest(zombie)).rejects.toThrow(expect.objectContaining({ code: 'ERR_ATTESTATION_PROCESS_GONE' }))
  })

  it('finds nobody at a pid that cannot be', async () => {
    const nobody = { pid: 0, uid: 0, gid: 0, startTime: '1', isAlive: () => true }
    await expect(attest(nobody)).rejects.toThrow(expect.objectContaining({ code: 'ERR_ATTESTATION_PROCESS_GONE' }))
  })

  it('stops hashing when told to', async () => {
    const peer = await start(process.execPath, ['-e', NODE_LOOP])
    const controller = new AbortController()
    const reason = new Error('caller went away')
    const attempt = new UnixWorkloadAttestor({ config: unix.parseConfig({}), ...context }).attest(
      peer,
      controller.signal,
    )
    setImmediate(() => controller.abort(reason))
    await expect(attempt).rejects.toBe(reason)
  })
})
