import fs, {
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger, type Logger, silentLogger } from '@countersign/plugin-kit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DiskKeyManager } from './disk-key-manager.ts'
import { type KeySecret, MIN_SCRYPT_N } from './key-encryption.ts'

const clock = { now: () => 1_700_000_000, schedule: () => () => {} }
const passphrase = (text: string): KeySecret => ({ kind: 'passphrase', bytes: Buffer.from(text) })
const OLD = passphrase('the old passphrase')
const NEW = passphrase('the new passphrase')
const KEY_FILE: KeySecret = { kind: 'key file', bytes: Buffer.alloc(32, 7) }
const NEW_KEY_FILE: KeySecret = { kind: 'key file', bytes: Buffer.alloc(32, 8) }

let dataDir: string
let keys: string

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'disk-encryption-'))
  keys = join(dataDir, 'keys')
})
afterEach(() => rmSync(dataDir, { recursive: true }))

function start(current?: KeySecret, previous?: KeySecret, log: Logger = silentLogger) {
  return new DiskKeyManager({ dataDir, clock, log, secrets: { current, previous, scryptN: MIN_SCRYPT_N } })
}
const fileOf = (name: string) => join(keys, `${name}.json`)
const read = (name: string) => JSON.parse(readFileSync(fileOf(name), 'utf8'))
const folder = () => Object.fromEntries(readdirSync(keys).map((name) => [name, readFileSync(join(keys, name), 'utf8')]))
const refusal = (code: string) => expect.objectContaining({ name: 'KeyManagerError', code })
const jwkOf = async (manager: DiskKeyManager, name: string) => (await manager.getKey(name))?.publicJwk

describe('an encrypted key file', () => {
  it.each([
    ['a passphrase', OLD, { kdf: 'scrypt', n: MIN_SCRYPT_N, r: 8, p: 1, salt: expect.any(String) }],
    ['a key file', KEY_FILE, { kdf: 'hkdf-sha256', salt: expect.any(String) }],
  ])('under %s says how its key is made, and holds no private key', async (_, secret, derivation) => {
    await start(secret).createKey('a', 'ES256')
    expect(read('a')).toEqual({
      ...{ version: 2, alg: 'ES256', kid: 'a', createdAt: 1_700_000_000, derivation },
      ...{ check: expect.any(String), nonce: expect.any(String), ciphertext: expect.any(String) },
    })
  })

  it('costs 2^17 rounds of scrypt when nothing else is asked for', async () => {
    const manager = new DiskKeyManager({ dataDir, clock, log: silentLogger, secrets: { current: OLD } })
    await manager.createKey('a', 'ES256')
    expect(read('a').derivation.n).toBe(131_072)
  })

  it('shares its salt with the others, also after a restart, and no nonce', async () => {
    await start(OLD).createKey('a', 'ES256')
    const second = start(OLD)
    await second.createKey('b', 'ES256')
    expect(read('b').derivation).toEqual(read('a').derivation)
    expect(read('b').nonce).not.toBe(read('a').nonce)
  })

  it('opens with nothing but its secret, and then nothing is written', async () => {
    await start(OLD).createKey('a', 'ES256')
    const before = folder()
    for (const wrong of [NEW, KEY_FILE, passphrase('the old passphrasf')]) {
      expect(() => start(wrong)).toThrow(
        expect.objectContaining({
          code: 'ERR_KEY_MANAGER_PASSPHRASE',
          message: `wrong passphrase or key file: "${fileOf('a')}" was encrypted under another one; nothing was changed`,
        }),
      )
    }
    expect(folder()).toEqual(before)
  })

  it('is not read without a secret, and the message says how to have plain files again', async () => {
    await start(OLD).createKey('a', 'ES256')
    const before = folder()
    expect(() => start()).toThrow(
      expect.objectContaining({
        code: 'ERR_KEY_MANAGER_ENCRYPTED',
        message: expect.stringContaining('"decrypt: true"'),
      }),
    )
    expect(folder()).toEqual(before)
  })

  it('cannot be given another name, algorithm or date', async () => {
    const manager = start(OLD)
    const first = await manager.createKey('a', 'ES256')
    await manager.createKey('b', 'ES256')
    const [a, b] = [read('a'), read('b')]
    const forgeries = [
      { ...b, kid: 'a' },
      { ...a, createdAt: 1 },
      { ...a, ciphertext: b.ciphertext, nonce: b.nonce },
    ]
    for (const forged of forgeries) {
      writeFileSync(fileOf('a'), JSON.stringify(forged))
      await expect(manager.getKey('a')).rejects.toThrow(refusal('ERR_KEY_MANAGER_CORRUPT'))
    }
    writeFileSync(fileOf('a'), JSON.stringify(a))
    expect(await jwkOf(manager, 'a')).toEqual(first.publicJwk)
  })

  it('is corrupt when any byte of it was changed', async () => {
    const manager = start(KEY_FILE)
    await manager.createKey('a', 'ES256')
    const a = read('a')
    const bytes = Buffer.from(a.ciphertext, 'base64')
    for (const index of [0, 40, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[index] = (changed[index] ?? 0) ^ 1
      writeFileSync(fileOf('a'), JSON.stringify({ ...a, ciphertext: changed.toString('base64') }))
      await expect(manager.getKey('a')).rejects.toThrow(refusal('ERR_KEY_MANAGER_CORRUPT'))
    }
  })

  it.each([
    ['next to no cost', { n: 2 }],
    ['all memory', { n: 2 ** 30 }],
    ['another block size', { r: 1 }],
    ['a short salt', { salt: 'AAAA' }],
    ['another function', { kdf: 'md5' }],
  ])('that asks for %s is corrupt', async (_, change) => {
    const manager = start(OLD)
    await manager.createKey('a', 'ES256')
    const a = read('a')
    writeFileSync(fileOf('a'), JSON.stringify({ ...a, derivation: { ...a.derivation, ...change } }))
    await expect(manager.getKey('a')).rejects.toThrow(refusal('ERR_KEY_MANAGER_CORRUPT'))
  })

  it('does not give way to a plain one that somebody puts there', async () => {
    const manager = start(OLD)
    await manager.createKey('a', 'ES256')
    const elsewhere = mkdtempSync(join(tmpdir(), 'disk-encryption-'))
    await new DiskKeyManager({ dataDir: elsewhere, clock, log: silentLogger }).createKey('a', 'ES256')
    cpSync(join(elsewhere, 'keys', 'a.json'), fileOf('a'))
    rmSync(elsewhere, { recursive: true })
    await expect(manager.getKey('a')).rejects.toThrow(refusal('ERR_KEY_MANAGER_CORRUPT'))
  })
})

describe('turning encryption on', () => {
  it('encrypts every plain file, and keeps its key', async () => {
    const plain = start()
    const created = [await plain.createKey('a', 'ES256'), await plain.createKey('b', 'RS256')]
    const secrets = [read('a').pkcs8, read('b').pkcs8]
    const encrypted = start(OLD)
    expect(await jwkOf(encrypted, 'a')).toEqual(created[0]?.publicJwk)
    expect(await jwkOf(encrypted, 'b')).toEqual(created[1]?.publicJwk)
    expect(readdirSync(keys)).toEqual(['a.json', 'b.json'])
    for (const text of Object.values(folder())) for (const secret of secrets) expect(text).not.toContain(secret)
    const before = folder()
    start(OLD)
    expect(folder()).toEqual(before)
  })

  it('writes zeros over the plain file', async () => {
    await start().createKey('a', 'ES256')
    const earlier = openSync(fileOf('a'), 'r')
    const size = readFileSync(fileOf('a')).length
    start(OLD)
    const left = Buffer.alloc(size + 1, 1)
    expect(readSync(earlier, left, 0, left.length, 0)).toBe(size)
    expect(left.subarray(0, size)).toEqual(Buffer.alloc(size))
  })

  it('leaves a backup alone that is the same file by another name, and says so', async () => {
    await start().createKey('a', 'ES256')
    const before = readFileSync(fileOf('a'), 'utf8')
    const backup = join(dataDir, 'backup')
    linkSync(fileOf('a'), backup)
    const lines: string[] = []
    start(OLD, undefined, createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } }))
    expect(readFileSync(backup, 'utf8')).toBe(before)
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
      'key file written anew',
      'the earlier key file has another name too and was not overwritten there',
    ])
  })

  it('leaves corrupt files as they are', async () => {
    await start().createKey('a', 'ES256')
    writeFileSync(fileOf('broken'), '{', { mode: 0o600 })
    const manager = start(OLD)
    expect(readFileSync(fileOf('broken'), 'utf8')).toBe('{')
    await expect(manager.getKey('broken')).rejects.toThrow(refusal('ERR_KEY_MANAGER_CORRUPT'))
  })
})

describe('changing the secret', () => {
  it.each([
    ['one passphrase by another', OLD, NEW],
    ['a passphrase by a key file', OLD, KEY_FILE],
    ['a key file by a passphrase', KEY_FILE, NEW],
  ])('replaces %s', async (_, before, after) => {
    const { publicJwk } = await start(before).createKey('a', 'ES256')
    start(after, before)
    expect(() => start(before)).toThrow(refusal('ERR_KEY_MANAGER_PASSPHRASE'))
    expect(await jwkOf(start(after), 'a')).toEqual(publicJwk)
  })

  it('is refused as a whole when one file fits neither', async () => {
    await start(OLD).createKey('a', 'ES256')
    cpSync(keys, join(dataDir, 'aside'), { recursive: true })
    rmSync(keys, { recursive: true })
    await start(KEY_FILE).createKey('b', 'ES256')
    cpSync(join(dataDir, 'aside', 'a.json'), fileOf('a'))
    const before = folder()
    expect(() => start(NEW, OLD)).toThrow(refusal('ERR_KEY_MANAGER_PASSPHRASE'))
    expect(folder()).toEqual(before)
  })

  it('makes plain files again only where that is asked for', async () => {
    const { publicJwk } = await start(OLD).createKey('a', 'ES256')
    expect(await jwkOf(start(undefined, OLD), 'a')).toEqual(publicJwk)
    expect(read('a').version).toBe(1)
    expect(await jwkOf(start(), 'a')).toEqual(publicJwk)
  })
})

const CALLS = ['openSync', 'writeSync', 'fsyncSync', 'renameSync', 'unlinkSync', 'rmSync', 'closeSync'] as const

/** Runs as a process does that is killed before its n-th call: neither that call nor any later one takes place. */
function runUntilCall(nth: number, run: () => void): 'killed' | 'finished' {
  const real = Object.fromEntries(CALLS.map((name) => [name, fs[name]]))
  let calls = 0
  for (const name of CALLS) {
    Object.assign(fs, {
      [name]: (...args: unknown[]) => {
        if (++calls >= nth) throw new Error('killed')
        return (real[name] as (...all: unknown[]) => unknown)(...args)
      },
    })
  }
  syncBuiltinESMExports()
  try {
    run()
    return 'finished'
  } catch (error) {
    if ((error as Error).message !== 'killed') throw error
    return 'killed'
  } finally {
    Object.assign(fs, real)
    syncBuiltinESMExports()
  }
}

describe('a crash while files are encrypted', () => {
  it.each([
    ['turning encryption on', undefined],
    ['changing the secret', KEY_FILE],
  ])('%s: before every single call, every key is readable and the next start finishes', async (_, before) => {
    const manager = start(before)
    const created = { a: await manager.createKey('a', 'ES256'), b: await manager.createKey('b', 'ES256') }
    const pristine = join(dataDir, 'pristine')
    cpSync(keys, pristine, { recursive: true })
    let outcome = 'killed'
    let crashes = 0
    for (let nth = 1; outcome === 'killed' && nth < 100; nth++) {
      rmSync(keys, { recursive: true })
      mkdirSync(keys, { mode: 0o700 })
      for (const name of readdirSync(pristine)) cpSync(join(pristine, name), join(keys, name))
      outcome = runUntilCall(nth, () => start(NEW_KEY_FILE, before))
      crashes += Number(outcome === 'killed')
      const recovered = start(NEW_KEY_FILE, before)
      for (const [name, { publicJwk }] of Object.entries(created)) {
        expect(await jwkOf(recovered, name)).toEqual(publicJwk)
        expect(read(name).version).toBe(2)
      }
      expect(readdirSync(keys)).toEqual(['a.json', 'b.json'])
    }
    // Reading, opening, writing, syncing, renaming, overwriting, for each of two files.
    expect(crashes).toBeGreaterThan(20)
    expect(outcome).toBe('finished')
  })
})
