import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger, type Logger, silentLogger } from '@countersign/plugin-kit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DiskKeyManager } from './disk-key-manager.ts'

const clock = { now: () => 1_700_000_000, schedule: () => () => {} }
let dataDir: string
let keys: string

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'disk-keys-'))
  keys = join(dataDir, 'keys')
})
afterEach(() => rm(dataDir, { recursive: true }))

const start = (options: { owner?: number; log?: Logger } = {}) =>
  new DiskKeyManager({ dataDir, clock, log: silentLogger, ...options })
const modeOf = async (path: string) => ((await lstat(path)).mode & 0o777).toString(8)
const fileOf = (name: string) => join(keys, `${name}.json`)
const refusal = (code: string, message: string | RegExp) =>
  expect.objectContaining({
    name: 'KeyManagerError',
    code,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  })

describe('files of DiskKeyManager', () => {
  it('are one JSON document per key, readable by nobody else', async () => {
    const umask = process.umask(0)
    try {
      await start().createKey('jwt-1', 'ES256')
    } finally {
      process.umask(umask)
    }
    expect(await modeOf(keys)).toBe('700')
    expect(await modeOf(fileOf('jwt-1'))).toBe('600')
    expect(JSON.parse(await readFile(fileOf('jwt-1'), 'utf8'))).toEqual({
      version: 1,
      alg: 'ES256',
      kid: 'jwt-1',
      pkcs8: expect.stringMatching(/^[A-Za-z0-9+/]{100,}={0,2}$/),
      createdAt: 1_700_000_000,
    })
  })

  it('leave nothing else behind, also when a name was taken', async () => {
    const manager = start()
    await manager.createKey('a', 'ES256')
    await expect(manager.createKey('a', 'ES256')).rejects.toThrow(refusal('ERR_KEY_MANAGER_EXISTS', 'key "a" exists'))
    expect(await readdir(keys)).toEqual(['a.json'])
  })

  it('that a crash left half-written are removed at start and are no keys', async () => {
    await start().createKey('a', 'ES256')
    await writeFile(join(keys, '.new-0123'), '{"version":1,"alg"', { mode: 0o600 })
    expect(await start().listKeys()).toEqual(['a'])
    expect(await readdir(keys)).toEqual(['a.json'])
  })

  it('of other kinds are not listed', async () => {
    const manager = start()
    for (const name of ['README', 'Upper.json', '.hidden.json', '.json']) {
      await writeFile(join(keys, name), '', { mode: 0o600 })
    }
    expect(await manager.listKeys()).toEqual([])
  })

  it('keep their key from the log', async () => {
    const lines: string[] = []
    const log = createLogger({ level: 'debug', destination: { write: (line) => void lines.push(line) } })
    const manager = start({ log })
    await manager.createKey('a', 'ES256')
    const { pkcs8 } = JSON.parse(await readFile(fileOf('a'), 'utf8'))
    await manager.deleteKey('a')
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['signing key created', 'signing key deleted'])
    expect(lines.join('')).not.toContain(pkcs8)
  })
})

describe('a folder that cannot be written', () => {
  it('is told of by a code, and is tried again with the next call', async () => {
    const manager = start()
    await rm(keys, { recursive: true })
    const refused = refusal('ERR_KEY_MANAGER_UNWRITABLE', 'signing key cannot be written')
    await expect(manager.createKey('a', 'ES256')).rejects.toThrow(refused)
    await expect(manager.deleteKey('a')).rejects.toThrow(refused)
    await mkdir(keys, { mode: 0o700 })
    expect((await manager.createKey('a', 'ES256')).alg).toBe('ES256')
  })
})

describe('permissions', () => {
  it.each([0o710, 0o750, 0o701, 0o777])('refuses to start on a folder of mode %o', async (mode) => {
    await mkdir(keys)
    await chmod(keys, mode)
    expect(() => start()).toThrow(
      refusal(
        'ERR_KEY_MANAGER_PERMISSIONS',
        `"${keys}" has mode 0${mode.toString(8)}, others can reach its keys; run: chmod 700 '${keys}'`,
      ),
    )
  })

  it.each([0o640, 0o604, 0o660, 0o610])('refuses to start on a key file of mode %o', async (mode) => {
    await start().createKey('a', 'ES256')
    await chmod(fileOf('a'), mode)
    expect(() => start()).toThrow(refusal('ERR_KEY_MANAGER_PERMISSIONS', /run: chmod 600 '.*a\.json'$/))
  })

  it('refuses a key file whose mode was widened after the start', async () => {
    const manager = start()
    await manager.createKey('a', 'ES256')
    await chmod(fileOf('a'), 0o644)
    await expect(manager.getKey('a')).rejects.toThrow(refusal('ERR_KEY_MANAGER_PERMISSIONS', /run: chmod 600/))
  })

  it('refuses a folder of another user', async () => {
    start()
    const other = (process.geteuid?.() ?? 0) + 1
    expect(() => start({ owner: other })).toThrow(
      refusal('ERR_KEY_MANAGER_PERMISSIONS', /belongs to user id \d+, not to \d+; .* run: chown/),
    )
  })

  it('refuses a folder that is a link', async () => {
    const elsewhere = join(dataDir, 'elsewhere')
    await mkdir(elsewhere, { mode: 0o700 })
    await symlink(elsewhere, keys)
    expect(() => start()).toThrow(refusal('ERR_KEY_MANAGER_PERMISSIONS', /must be a plain folder/))
  })

  it('refuses a key file that is a link, at start and later', async () => {
    const manager = start()
    await manager.createKey('real', 'ES256')
    await symlink(fileOf('real'), fileOf('link'))
    await expect(manager.getKey('link')).rejects.toThrow(refusal('ERR_KEY_MANAGER_PERMISSIONS', /must be a plain file/))
    expect(() => start()).toThrow(refusal('ERR_KEY_MANAGER_PERMISSIONS', /must be a plain file/))
  })

  it('refuses a folder in the place of a key file', async () => {
    const manager = start()
    await mkdir(fileOf('a'), { mode: 0o700 })
    await expect(manager.getKey('a')).rejects.toThrow(refusal('ERR_KEY_MANAGER_PERMISSIONS', /must be a plain file/))
  })
})

describe('corrupt files', () => {
  async function original(): Promise<Record<string, unknown>> {
    await start().createKey('a', 'ES256')
    return JSON.parse(await readFile(fileOf('a'), 'utf8'))
  }

  const damages: [string, (file: Record<string, unknown>) => string | Uint8Array][] = [
    ['empty', () => ''],
    ['not JSON', () => '{'],
    ['cut short', (file) => JSON.stringify(file).slice(0, 60)],
    ['not UTF-8', () => Uint8Array.of(0xff, 0xfe)],
    ['another version', (file) => JSON.stringify({ ...file, version: 2 })],
    ['another algorithm', (file) => JSON.stringify({ ...file, alg: 'RS256' })],
    ['an unknown algorithm', (file) => JSON.stringify({ ...file, alg: 'none' })],
    ['another key id', (file) => JSON.stringify({ ...file, kid: 'b' })],
    ['no key id', ({ kid: _, ...file }) => JSON.stringify(file)],
    ['an unknown member', (file) => JSON.stringify({ ...file, extra: 1 })],
    ['no base64', (file) => JSON.stringify({ ...file, pkcs8: '***' })],
    ['sloppy base64', (file) => JSON.stringify({ ...file, pkcs8: `${file['pkcs8']}\n` })],
    ['base64 of no key', (file) => JSON.stringify({ ...file, pkcs8: 'AAAA' })],
    ['too large', (file) => JSON.stringify(file) + ' '.repeat(20_000)],
  ]

  it.each(damages)('%s: named, never quoted, never replaced', async (_, damage) => {
    const file = await original()
    const damaged = Buffer.from(damage(file))
    await writeFile(fileOf('a'), damaged)
    const manager = start()
    const error = await manager.getKey('a').then(
      () => expect.fail('was accepted'),
      (reason) => reason,
    )
    expect(error).toEqual(
      refusal('ERR_KEY_MANAGER_CORRUPT', `key file "${fileOf('a')}" is corrupt; restore it or delete the key`),
    )
    const shown = `${error.message} ${error.detail} ${error.cause} ${error.stack}`
    expect(shown).not.toContain(String(file['pkcs8']).slice(0, 20))
    await expect(manager.createKey('a', 'ES256')).rejects.toThrow(refusal('ERR_KEY_MANAGER_EXISTS', 'key "a" exists'))
    expect(await readFile(fileOf('a'))).toEqual(damaged)
  })

  it('can be deleted', async () => {
    await original()
    await writeFile(fileOf('a'), '')
    const manager = start()
    await manager.deleteKey('a')
    expect((await manager.createKey('a', 'ES256')).alg).toBe('ES256')
  })
})
