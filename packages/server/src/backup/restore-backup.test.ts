import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { backupBytes, collectBytes, inPieces } from '../test-support/backup-of-test-server.ts'
import { callHttps, callSocket } from '../test-support/http-call.ts'
import { createEntry } from '../test-support/machine-requests.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { TestAgent } from '../test-support/test-agent.ts'
import { startTestServer, testConfig } from '../test-support/test-server.ts'
import { BACKUP_MAGIC } from './backup-manifest.ts'
import { encryptStream } from './encrypted-stream.ts'
import { readManifest } from './read-manifest.ts'
import { type RestoreOptions, restoreBackup } from './restore-backup.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

async function startWorld(config: object = {}) {
  const dataDir = await temporaryFolder()
  const clock = new FakeClock()
  const test = await startTestServer({ dataDir, clock, config })
  const agent = await test.attestedAgent('/one')
  const entry = await createEntry(test, agent)
  return { dataDir, clock, test, agent, entry }
}

/** A backup of a server that is stopped by now. */
async function backedUp() {
  const world = await startWorld()
  await world.test.server.stop()
  const bytes = await backupBytes(testConfig(world.dataDir), world.clock.now())
  const restore = async (options: Partial<RestoreOptions> = {}, content: Uint8Array = bytes) => {
    const dataDir = options.dataDir ?? join(await temporaryFolder(), 'new')
    const result = await restoreBackup({ source: inPieces(content), dataDir, clock: world.clock, ...options })
    return { dataDir, result }
  }
  return { ...world, bytes, restore }
}

/** The same backup with one thing changed, its manifest's length included. */
function withManifest(bytes: Buffer, change: (manifest: Record<string, unknown>) => void): Buffer {
  const at = BACKUP_MAGIC.length + 4
  const size = bytes.readUInt32BE(BACKUP_MAGIC.length)
  const manifest = JSON.parse(bytes.subarray(at, at + size).toString())
  change(manifest)
  const text = Buffer.from(JSON.stringify(manifest))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([Buffer.from(BACKUP_MAGIC), length, text, bytes.subarray(at + size)])
}

const modeOf = async (path: string) => (await stat(path)).mode & 0o777

describe('backup', () => {
  it('of a running server is consistent, while others write', async () => {
    const { test, agent, clock, dataDir } = await startWorld()
    const url = test.server.adminSocket
    let isDone = false
    const write = async (base: number) => {
      // Two entries in one step: a copy has both or none.
      for (let index = base; !isDone; index++) {
        const create = ['a', 'b'].map((name) => ({
          spiffeId: `spiffe://example.org/${name}${index}`,
          parentId: agent.agentId,
          selectors: [{ type: 'unix', value: `uid:${index}` }],
        }))
        const { revision } = (await test.admin('/v1/entries')).body
        await test.admin('/v1/entries/batch', { body: { revision, create } })
      }
    }
    const writers = [write(1000), write(100_000)]
    for (let round = 0; round < 3; round++) {
      const response = await new Promise<AsyncIterable<Buffer>>((resolve, reject) =>
        import('node:http').then(({ get }) =>
          get({ socketPath: url, path: '/v1/backup' }, resolve).on('error', reject),
        ),
      )
      const { manifest, content } = await readManifest(response)
      const target = join(await temporaryFolder(), 'new')
      const result = await restoreBackup({ source: content, dataDir: target, clock, resume: true })
      expect(result).toMatchObject({ outcome: 'restored', manifest: { revision: manifest.revision } })
      const restored = await startTestServer({ dataDir: target, clock })
      const { entries } = (await restored.admin('/v1/entries')).body as { entries: { spiffeId: string }[] }
      const names = new Set(entries.map(({ spiffeId }) => spiffeId.slice('spiffe://example.org/'.length)))
      for (const name of names)
        if (/^[ab]\d/.test(name))
          expect(names).toContain(name.startsWith('a') ? `b${name.slice(1)}` : `a${name.slice(1)}`)
      await restored.server.stop()
    }
    isDone = true
    await Promise.all(writers)
    expect((await readdir(dataDir)).filter((name) => name.startsWith('.backup-'))).toEqual([])
  })

  it('says what it holds, and that keys are missing when they are not files', async () => {
    const { bytes } = await backedUp()
    const { manifest } = await readManifest(inPieces(bytes))
    expect(manifest).toMatchObject({ format: 1, trustDomain: 'example.org', keysIncluded: true })
    expect(manifest.authorities.map(({ kind }) => kind).sort()).toEqual(['jwt', 'wit', 'x509'])
    expect(manifest.files.map(({ path }) => path.replace(/[0-9a-f]{32}/, 'N'))).toEqual(
      expect.arrayContaining([
        'server.db',
        'keys/x509-N.json',
        'keys/jwt-N.json',
        'keys/wit-N.json',
        'public-root-key.pem',
      ]),
    )
    const config = { keyManager: { name: 'memory' } }
    const world = await startWorld(config)
    const { body, text } = await callSocket(world.test.server.adminSocket, '/v1/backup')
    expect(body).toBe(undefined)
    expect(text).toContain('"keysIncluded":false')
    expect(text).not.toContain('"path":"keys/')
  })

  it('that a killed server left half made is removed at the next start', async () => {
    const { dataDir, clock, test } = await startWorld()
    await test.server.stop()
    await mkdir(join(dataDir, '.backup-abc123'))
    await writeFile(join(dataDir, '.backup-abc123', 'server.db'), 'x')
    await startTestServer({ dataDir, clock })
    expect(await readdir(dataDir)).not.toContain('.backup-abc123')
  })
})

describe('restore', () => {
  it('into a new folder gives the same server, private, which waits for a word', async () => {
    const { restore, clock, agent, entry, bytes } = await backedUp()
    const { dataDir, result } = await restore()
    expect(result).toMatchObject({ outcome: 'restored', highWaterKnown: false, revision: 1_000_000_001 })
    for (const name of ['server.db', 'public-root-key.pem', 'high-water']) {
      expect(await modeOf(join(dataDir, name))).toBe(0o600)
    }
    expect(await modeOf(dataDir)).toBe(0o700)
    expect(await modeOf(join(dataDir, 'keys'))).toBe(0o700)
    expect(await readdir(dataDir)).not.toContain('.restoring')
    const test = await startTestServer({ dataDir, clock })
    expect((await callHttps(`${test.server.publicUrl}/ready`)).status).toBe(503)
    expect((await test.admin('/v1/entries')).body.entries).toEqual([entry])
    await test.admin('/v1/resume', { body: { reason: 'restore' } })
    const again = new TestAgent(test.server.machineUrl)
    again.tls = agent.tls
    expect((await again.call('/v1/agent/sync')).body.entries).toEqual([entry])
    expect(bytes.length).toBeGreaterThan(4096)
  })

  it('over newer data goes on beyond what that used, and moves it aside', async () => {
    const { restore, dataDir, clock, agent } = await backedUp()
    const newer = await startTestServer({ dataDir, clock })
    await createEntry(newer, agent, { spiffeId: 'spiffe://example.org/late' })
    const { revision: used } = (await newer.admin('/v1/status')).body
    await expectCode(restore({ dataDir, force: true }), 'ERR_BACKUP_TARGET_IN_USE')
    await newer.server.stop()
    await expectCode(restore({ dataDir }), 'ERR_BACKUP_TARGET_NOT_EMPTY')
    const { result } = await restore({ dataDir, force: true, resume: true })
    expect(result).toMatchObject({
      outcome: 'restored',
      highWaterKnown: true,
      movedAside: expect.stringContaining('before-restore-'),
    })
    const aside = result.movedAside ?? ''
    expect(await readdir(aside)).toEqual(expect.arrayContaining(['server.db', 'keys', 'high-water']))
    const test = await startTestServer({ dataDir, clock })
    expect((await callHttps(`${test.server.publicUrl}/ready`)).status).toBe(200)
    const revision = (await test.admin('/v1/status')).body.revision
    expect(revision).toBeGreaterThan(used)
    expect(revision).toBeLessThan(100_000)
  })

  it('of an encrypted backup needs its passphrase', async () => {
    const { restore, bytes } = await backedUp()
    const sealed = await collectBytes(encryptStream(inPieces(bytes), Buffer.from('correct horse')))
    await expectCode(restore({}, sealed), 'ERR_BACKUP_PASSPHRASE')
    await expectCode(restore({ passphrase: Buffer.from('wrong horse') }, sealed), 'ERR_BACKUP_PASSPHRASE')
    expect((await restore({ passphrase: Buffer.from('correct horse') }, sealed)).result.outcome).toBe('restored')
  })

  const damages: [string, string, (bytes: Buffer) => Buffer][] = [
    ['another file', 'ERR_BACKUP_FORMAT', () => Buffer.from('x'.repeat(1000))],
    ['nothing', 'ERR_BACKUP_FORMAT', () => Buffer.alloc(0)],
    ['a changed page', 'ERR_BACKUP_FORMAT', (bytes) => bytes.fill(0x5a, 6000, 6010)],
    ['a changed last byte', 'ERR_BACKUP_FORMAT', (bytes) => bytes.fill(0, bytes.length - 2)],
    ['a cut', 'ERR_BACKUP_FORMAT', (bytes) => bytes.subarray(0, bytes.length - 1)],
    ['an addition', 'ERR_BACKUP_FORMAT', (bytes) => Buffer.concat([bytes, Buffer.from('x')])],
    ['a cut manifest', 'ERR_BACKUP_FORMAT', (bytes) => bytes.subarray(0, 60)],
    [
      'a manifest of another format',
      'ERR_BACKUP_FORMAT',
      (bytes) => withManifest(bytes, (m) => Object.assign(m, { format: 2 })),
    ],
    ['another revision', 'ERR_BACKUP_FORMAT', (bytes) => withManifest(bytes, (m) => Object.assign(m, { revision: 1 }))],
    [
      'another schema',
      'ERR_BACKUP_FORMAT',
      (bytes) => withManifest(bytes, (m) => Object.assign(m, { schemaVersion: 1 })),
    ],
    ...['../evil', '/etc/evil', 'keys/../../evil', '.hidden', 'a//b', 'a/./b'].map(
      (path): [string, string, (bytes: Buffer) => Buffer] => [
        `the path ${path}`,
        'ERR_BACKUP_FORMAT',
        (bytes) => withManifest(bytes, (m) => Object.assign((m['files'] as object[])[0] ?? {}, { path })),
      ],
    ),
    [
      'one file twice',
      'ERR_BACKUP_FORMAT',
      (bytes) => withManifest(bytes, (m) => (m['files'] as object[]).push({ ...(m['files'] as object[])[0] })),
    ],
  ]
  it.each(damages)('refuses %s and touches nothing', async (_, code, damage) => {
    const { restore, dataDir, bytes } = await backedUp()
    const before = await tree(dataDir)
    await expectCode(restore({ dataDir, force: true }, damage(Buffer.from(bytes))), code)
    expect(await tree(dataDir)).toEqual(before)
    const empty = join(await temporaryFolder(), 'new')
    await expectCode(restore({ dataDir: empty }, damage(Buffer.from(bytes))), code)
    expect(await readdir(empty)).toEqual([])
  })

  it('refuses a store whose pages are damaged although its sum is right', async () => {
    const { restore, bytes } = await backedUp()
    const at = BACKUP_MAGIC.length + 4 + bytes.readUInt32BE(BACKUP_MAGIC.length)
    const size = (await readManifest(inPieces(bytes))).manifest.files[0]?.size ?? 0
    bytes.fill(0x5a, at + 8192, at + 12_000)
    const sha256 = createHash('sha256')
      .update(bytes.subarray(at, at + size))
      .digest('hex')
    const damaged = withManifest(bytes, (m) => Object.assign((m['files'] as object[])[0] ?? {}, { sha256 }))
    await expectCode(restore({}, damaged), 'ERR_BACKUP_FORMAT')
  })

  it.each([
    'before anything is cleared away',
    'when half is cleared away',
    'when all is cleared away',
    'when half is in place',
  ])('cut short %s: the server refuses to start, and the same command finishes it', async (when) => {
    const { restore, dataDir, clock, entry, agent } = await backedUp()
    const newer = await startTestServer({ dataDir, clock })
    await createEntry(newer, agent, { spiffeId: 'spiffe://example.org/late' })
    await newer.server.stop()
    // As far as it gets, taken apart again.
    const whole = await temporaryFolder()
    await cp(dataDir, whole, { recursive: true, filter: (path) => !path.endsWith('.sock') })
    const { result } = await restore({ dataDir: whole, force: true })
    const aside = result.movedAside?.split('/').at(-1) ?? ''
    const names = ['server.db', 'keys', 'high-water', 'public-root.pem', 'public-root-key.pem']
    const content = join(dataDir, '.restoring', 'content')
    await mkdir(content, { recursive: true })
    for (const name of names) await cp(join(whole, name), join(content, name), { recursive: true })
    await writeFile(join(dataDir, '.restoring', 'ready'), JSON.stringify({ aside }))
    const cleared = { 'before anything is cleared away': 0, 'when half is cleared away': 2 }[when] ?? names.length
    await mkdir(join(dataDir, aside))
    for (const name of names.slice(0, cleared)) await rename(join(dataDir, name), join(dataDir, aside, name))
    if (cleared === names.length) await writeFile(join(dataDir, '.restoring', 'cleared'), '')
    const placed = when === 'when half is in place' ? 2 : 0
    for (const name of names.slice(0, placed)) await rename(join(content, name), join(dataDir, name))

    await expectCode(startTestServer({ dataDir, clock }), 'ERR_SERVER_RESTORE_UNFINISHED')
    const again = await restore({ dataDir }, Buffer.from('not even looked at'))
    expect(again.result).toMatchObject({ outcome: 'finished-earlier', movedAside: expect.stringContaining(aside) })
    expect((await readdir(join(dataDir, aside))).sort()).toEqual(expect.arrayContaining([...names].sort()))
    const test = await startTestServer({ dataDir, clock })
    expect((await test.admin('/v1/entries')).body.entries).toEqual([entry])
  })

  it('cut short before everything is ready begins anew', async () => {
    const { restore, clock } = await backedUp()
    const dataDir = join(await temporaryFolder(), 'new')
    await mkdir(join(dataDir, '.restoring', 'content'), { recursive: true })
    await writeFile(join(dataDir, '.restoring', 'content', 'server.db'), 'half')
    expect((await restore({ dataDir })).result.outcome).toBe('restored')
    await startTestServer({ dataDir, clock })
  })

  it('needs a folder that can be written', async () => {
    const { restore } = await backedUp()
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'file'), '')
    await expectCode(restore({ dataDir: join(folder, 'file', 'new') }), 'ERR_BACKUP_UNWRITABLE')
  })
})

async function tree(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile())
      files[path] = createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
  }
  return files
}
