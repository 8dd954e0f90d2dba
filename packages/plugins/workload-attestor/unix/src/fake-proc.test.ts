/** The attestor on made-up `/proc` trees: what no well-behaved process would do. */
import { renameSync } from 'node:fs'
import { link, mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, type PeerProcess, silentLogger } from '@countersign/plugin-kit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseUnixConfig } from './unix-config.ts'
import { requireLinux, UnixWorkloadAttestor } from './unix-workload-attestor.ts'

const PID = 4242
const clock = { now: () => 1_700_000_000, schedule: () => () => {} }
const { signal } = new AbortController()
let base: string
let proc: string
let omitted: { selector: string; reason: string }[]

const peer: PeerProcess = { pid: PID, uid: 1000, gid: 1000, startTime: '98765', isAlive: () => true }
const statLine = (name = 'node', startTime = '98765') =>
  `${PID} (${name}) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 ${startTime} 0 0\n`
const statusText = (groups = '') =>
  `Name:\tnode\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t${groups}\n`

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'fake-proc-')))
  proc = join(base, String(PID))
  omitted = []
  await mkdir(join(base, 'bin'))
  await writeFile(join(base, 'bin/node'), 'program')
  await writeFile(join(base, 'app.mjs'), 'script')
  await writeFile(join(base, 'passwd'), 'alice:x:1000:1000::/:\n')
  await writeFile(join(base, 'group'), 'staff:x:1000:\nsudo:x:27:alice\n')
  await mkdir(proc)
  await writeFile(join(proc, 'stat'), statLine())
  await writeFile(join(proc, 'status'), statusText('27 44 27'))
  await commandLine(['node', 'app.mjs'])
  await symlink(join(base, 'bin/node'), join(proc, 'exe'))
  await symlink(base, join(proc, 'cwd'))
  await symlink('/', join(proc, 'root'))
})
afterEach(() => rm(base, { recursive: true }))

const commandLine = (args: (string | Buffer)[]) =>
  writeFile(
    join(proc, 'cmdline'),
    Buffer.concat(args.map((arg) => Buffer.concat([Buffer.from(arg as string), Buffer.of(0)]))),
  )

async function relink(name: string, target: string): Promise<void> {
  await rm(join(proc, name))
  await symlink(target, join(proc, name))
}

async function attest(options: { peer?: Partial<PeerProcess>; config?: object; log?: Logger } = {}): Promise<string[]> {
  const log: Logger = { ...silentLogger, info: (fields) => void omitted.push(fields as (typeof omitted)[number]) }
  const attestor = new UnixWorkloadAttestor({
    config: parseUnixConfig(options.config ?? {}),
    clock,
    log: options.log ?? log,
    procRoot: base,
    passwdFile: join(base, 'passwd'),
    groupFile: join(base, 'group'),
  })
  const selectors = await attestor.attest({ ...peer, ...options.peer }, signal)
  expect(new Set(selectors.map((selector) => selector.type))).toEqual(new Set(['unix']))
  return selectors.map((selector) => selector.value)
}

const scripts = (selectors: string[]) => selectors.filter((text) => text.startsWith('script:'))
const refusal = (code: string) => expect.objectContaining({ name: 'AttestationError', code })

// echo -n program | sha256sum, echo -n script | sha256sum
const PROGRAM_SHA256 = '1310ca2c8932dbd118668bd97442558a3e1f546b5e15c69699dfbd6024f548d8'
const SCRIPT_SHA256 = '21a0270b7f66a1e4c25933f13a1e5a1bbb4757578072930c8189131f9c6aaae1'

describe('unix attestor', () => {
  it('reports every selector it can', async () => {
    expect(await attest()).toEqual([
      'uid:1000',
      'user:alice',
      'gid:1000',
      'group:staff',
      'supplementary_gid:27',
      'supplementary_group:sudo',
      'supplementary_gid:44',
      `path:${base}/bin/node`,
      `sha256:${PROGRAM_SHA256}`,
      `script:path:${base}/app.mjs`,
      `script:sha256:${SCRIPT_SHA256}`,
    ])
    expect(omitted).toEqual([])
  })

  it('reports no names without account files', async () => {
    await rm(join(base, 'passwd'))
    await rm(join(base, 'group'))
    const selectors = await attest()
    expect(selectors.slice(0, 4)).toEqual(['uid:1000', 'gid:1000', 'supplementary_gid:27', 'supplementary_gid:44'])
  })

  it('reports a bounded number of groups', async () => {
    await writeFile(
      join(proc, 'status'),
      statusText(Array.from({ length: 5000 }, (_, index) => index + 5000).join(' ')),
    )
    expect((await attest()).filter((text) => text.startsWith('supplementary_gid:'))).toHaveLength(1024)
    expect(omitted).toContainEqual(expect.objectContaining({ selector: 'supplementary_gid' }))
  })
})

describe('identity of the process', () => {
  it.each([') S 1 2 3', 'a (b) c', '((', 'S 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 11111 ('])(
    'is not hidden by the name %j',
    async (name) => {
      await writeFile(join(proc, 'stat'), statLine(name))
      expect(await attest()).toContain('uid:1000')
      await writeFile(join(proc, 'stat'), statLine(name, '98766'))
      await expect(attest()).rejects.toThrow(refusal('ERR_ATTESTATION_PROCESS_GONE'))
    },
  )

  it('is checked again at the end', async () => {
    let calls = 0
    const isAlive = () => ++calls < 1
    await expect(attest({ peer: { isAlive } })).rejects.toThrow(refusal('ERR_ATTESTATION_PROCESS_GONE'))
    expect(calls).toBe(1)
  })

  it('is lost when the pid changes hands meanwhile', async () => {
    const log: Logger = { ...silentLogger, info: () => {} }
    await writeFile(join(base, 'bin/node'), Buffer.alloc(20_000_000))
    const attempt = attest({ log })
    // Renamed, so that no half-written file is ever read.
    await writeFile(join(base, 'stat'), statLine('node', '11111'))
    await rename(join(base, 'stat'), join(proc, 'stat'))
    await expect(attempt).rejects.toThrow(refusal('ERR_ATTESTATION_PROCESS_GONE'))
  })

  it.each(['', '4242 (node', 'x'.repeat(100_000)])('is lost when stat says %j', async (text) => {
    await writeFile(join(proc, 'stat'), text)
    await expect(attest()).rejects.toThrow(refusal('ERR_ATTESTATION_PROCESS_GONE'))
  })

  it.each(['stat', 'status', 'cmdline'])('is lost without %s', async (name) => {
    await rm(join(proc, name))
    await expect(attest()).rejects.toThrow(refusal('ERR_ATTESTATION_PROCESS_GONE'))
  })

  it('cannot be told without the lines of status', async () => {
    await writeFile(join(proc, 'status'), 'Name:\tnode\n')
    await expect(attest()).rejects.toThrow(refusal('ERR_ATTESTATION_NOT_POSSIBLE'))
  })

  it('must still be that of the user who connected', async () => {
    await expect(attest({ peer: { uid: 0 } })).rejects.toThrow(refusal('ERR_ATTESTATION_REFUSED'))
    await expect(attest({ peer: { gid: 0 } })).rejects.toThrow(refusal('ERR_ATTESTATION_REFUSED'))
  })

  it('is refused to a process that keeps replacing its program', async () => {
    // The log is called between the two looks at the process: each time the command line has changed.
    let round = 0
    const files = Array.from({ length: 8 }, (_, index) => join(base, `cmdline-${index}`))
    for (const [index, file] of files.entries()) await writeFile(file, `node\0missing-${index}\0`)
    const log: Logger = { ...silentLogger, info: () => renameSync(files[round++]!, join(proc, 'cmdline')) }
    await commandLine(['node', 'missing.mjs'])
    await expect(attest({ log })).rejects.toThrow(refusal('ERR_ATTESTATION_PROCESS_GONE'))
    expect(round).toBe(3)
  })

  it('is looked at again when it replaced its program once', async () => {
    await writeFile(join(base, 'next'), 'node\0app.mjs\0')
    const log: Logger = { ...silentLogger, info: () => renameSync(join(base, 'next'), join(proc, 'cmdline')) }
    await commandLine(['node', 'missing.mjs'])
    expect(scripts(await attest({ log }))[0]).toBe(`script:path:${base}/app.mjs`)
  })
})

describe('the executable', () => {
  it('that may not be read is omitted with all that follows from it', async () => {
    await rm(join(proc, 'exe'))
    expect(await attest()).toEqual(expect.not.arrayContaining([expect.stringMatching(/^(?:path|sha256|script)/)]))
    expect(omitted.map(({ selector, reason }) => [selector, reason])).toEqual([
      ['path', 'executable: ENOENT'],
      ['sha256', 'executable: ENOENT'],
      ['script', 'executable: ENOENT'],
    ])
  })

  it('has no path that is no text', async () => {
    const name = Buffer.concat([Buffer.from(`${base}/bin/`), Buffer.of(0xff)])
    await writeFile(name, 'program')
    await rm(join(proc, 'exe'))
    await symlink(name, join(proc, 'exe'))
    expect((await attest()).filter((text) => text.startsWith('path:'))).toEqual([])
    expect(omitted).toContainEqual(expect.objectContaining({ selector: 'path', reason: 'not UTF-8' }))
  })

  it('has no path with a line break, which could pass for a second line', async () => {
    const path = join(base, 'bin/a\nunix:uid:0')
    await writeFile(path, 'program')
    await relink('exe', path)
    expect((await attest()).filter((text) => text.startsWith('path:'))).toEqual([])
    expect(omitted).toContainEqual(expect.objectContaining({ selector: 'path', reason: 'holds control characters' }))
  })

  it('that was deleted still tells which interpreter it is', async () => {
    await link(join(base, 'bin/node'), join(base, 'bin/node (deleted)'))
    await relink('exe', join(base, 'bin/node (deleted)'))
    const selectors = await attest()
    expect(selectors.filter((text) => text.startsWith('path:'))).toEqual([])
    expect(scripts(selectors)[0]).toBe(`script:path:${base}/app.mjs`)
  })

  it('that no interpreter is has no script', async () => {
    await writeFile(join(base, 'bin/server'), 'program')
    await relink('exe', join(base, 'bin/server'))
    expect(scripts(await attest())).toEqual([])
  })
})

describe('the script', () => {
  it.each([
    ['no NULs', 'node app.mjs'],
    ['1 MB without NULs', 'x'.repeat(1_000_000)],
    ['1 MB of NULs', '\0'.repeat(1_000_000)],
    ['a script after 300 KB', `node\0--import\0${'x'.repeat(300_000)}\0app.mjs\0`],
    ['nothing', ''],
    [
      'bytes that are not UTF-8',
      Buffer.concat([Buffer.from('node\0'), Buffer.of(0xff, 0xfe, 0), Buffer.from('app.mjs\0')]),
    ],
    ['a line break', 'node\0app\n.mjs\0'],
    ['a very long name', `node\0${'a/'.repeat(50_000)}\0`],
    ['a folder', 'node\0.\0'],
    ['a pipe or device', 'node\0/dev/zero\0'],
    ['standard input', 'node\0/dev/stdin\0'],
    ['a file of the agent', 'node\0/proc/self/exe\0'],
    ['a URL', 'node\0https://example.org/app.mjs\0'],
  ])('is none with %s', async (_, content) => {
    await writeFile(join(proc, 'cmdline'), content)
    expect(scripts(await attest())).toEqual([])
  })

  it('whose name has a line break is hashed, but its path is not reported', async () => {
    await writeFile(join(base, 'a\nb.mjs'), 'script')
    await commandLine(['node', 'a\nb.mjs'])
    expect(scripts(await attest())).toEqual([`script:sha256:${SCRIPT_SHA256}`])
  })

  it('is none without a working folder to find it from', async () => {
    await rm(join(proc, 'cwd'))
    expect(scripts(await attest())).toEqual([])
    expect(omitted).toContainEqual(expect.objectContaining({ reason: 'working folder cannot be read' }))
  })

  it('may be a module', async () => {
    await writeFile(join(base, 'bin/python3.11'), 'program')
    await relink('exe', join(base, 'bin/python3.11'))
    await commandLine(['python3', '-m', 'http.server'])
    expect(scripts(await attest())).toEqual(['script:module:http.server'])
    await commandLine(['python3', '-m', 'a b:c'])
    expect(scripts(await attest())).toEqual([])
  })
})

describe('a private view of the file system', () => {
  /** The process sees `jail` as its root; `/bin/node` and `/app.mjs` in it are its own files. */
  beforeEach(async () => {
    await mkdir(join(base, 'jail/bin'), { recursive: true })
    await writeFile(join(base, 'jail/app.mjs'), 'script of the jail')
    await relink('root', join(base, 'jail'))
    await commandLine(['node', '/app.mjs'])
  })

  it('gives a script no path that means another file to everyone else', async () => {
    const selectors = scripts(await attest())
    expect(selectors).toEqual([expect.stringMatching(/^script:sha256:[0-9a-f]{64}$/)])
    expect(selectors).not.toEqual([`script:sha256:${SCRIPT_SHA256}`])
    expect(omitted).toContainEqual(
      expect.objectContaining({ selector: 'script:path', reason: 'the path leads the agent to another file or none' }),
    )
  })

  it('gives its paths where the operator wants them', async () => {
    expect(scripts(await attest({ config: { foreignPaths: true } }))[0]).toBe('script:path:/app.mjs')
  })

  it('does not reach a file outside it through a link', async () => {
    await rm(join(base, 'jail/app.mjs'))
    await symlink(join(base, 'app.mjs'), join(base, 'jail/app.mjs'))
    expect(scripts(await attest({ config: { foreignPaths: true } }))).toEqual([])
  })

  it('gives a program no path out of reach of the agent', async () => {
    await relink('exe', '../bin/node')
    expect((await attest()).filter((text) => text.startsWith('path:'))).toEqual([])
    expect(omitted).toContainEqual(expect.objectContaining({ selector: 'path', reason: 'out of reach of the agent' }))
  })
})

it('reports neither path nor hash of a file that is not the one first seen', async () => {
  // Missing account files are logged between the first look at the process and the look at its program.
  await rm(join(base, 'passwd'))
  await writeFile(join(base, 'other'), 'other program')
  const replaceProgram = () => renameSync(join(base, 'other'), join(base, 'bin/node'))
  const log: Logger = { ...silentLogger, warn: replaceProgram, info: (fields) => void omitted.push(fields as never) }
  await attest({ log })
  expect(omitted.map(({ selector, reason }) => [selector, reason])).toEqual([
    ['path', 'the path leads the agent to another file or none'],
    ['sha256', 'program changed'],
  ])
})

describe('configuration', () => {
  it('has defaults', () => {
    expect(parseUnixConfig(undefined)).toEqual({
      maxExecutableBytes: 268_435_456,
      maxScriptBytes: 16_777_216,
      foreignPaths: false,
    })
  })

  it.each([
    [{ maxExecutableByte: 1 }, 'ERR_CONFIG_UNKNOWN_KEY'],
    [{ maxExecutableBytes: -1 }, 'ERR_CONFIG_INVALID'],
    [{ foreignPaths: 'sometimes' }, 'ERR_CONFIG_INVALID'],
  ])('refuses %j', (config, code) => {
    expect(() => parseUnixConfig(config)).toThrow(expect.objectContaining({ name: 'ConfigError', code }))
  })

  it('needs Linux', () => {
    expect(() => requireLinux('darwin')).toThrow(refusal('ERR_ATTESTATION_NOT_POSSIBLE'))
    expect(() => requireLinux('linux')).not.toThrow()
  })
})
