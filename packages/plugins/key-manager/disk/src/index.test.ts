import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock } from '@countersign/plugin-kit'
import { describeKeyManager } from '@countersign/plugin-kit/contract'
import { describe, expect, it } from 'vitest'
import disk from './index.ts'

const module = new URL('./index.ts', import.meta.url).href

function fixture(config: unknown, dataDir: string) {
  const open = () => disk.create(disk.parseConfig(config), { clock: systemClock, log: silentLogger, dataDir })
  return {
    manager: open(),
    reopen: open,
    otherProcess: { module, config, dataDir },
    dispose: () => rmSync(dataDir, { recursive: true }),
  }
}

describeKeyManager('disk', () => fixture({}, mkdtempSync(join(tmpdir(), 'key-manager-disk-'))))

describeKeyManager('disk under a key file', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'key-manager-disk-'))
  writeFileSync(join(dataDir, 'secret'), randomBytes(32), { mode: 0o600 })
  return fixture({ encryption: { keyFile: 'secret' } }, dataDir)
})

describe('configuration of disk', () => {
  it('needs nothing', () => {
    expect(disk.parseConfig(undefined)).toEqual({})
    expect(() => disk.parseConfig({ folder: '/keys' })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_UNKNOWN_KEY', message: 'unknown key "keyManager.config.folder"' }),
    )
  })

  it.each([
    [{}, 'encryption'],
    [{ passphraseFile: 'a', keyFile: 'b' }, 'encryption'],
    [{ passphraseFile: 'a', passphrase: 'b' }, 'encryption'],
    [{ passphraseFile: 'a', previous: {} }, 'encryption.previous'],
    [{ passphraseFile: 'a', previous: { passphrase: 'b', keyFile: 'c' } }, 'encryption.previous'],
  ])('names one source of each secret: not %j', (encryption, key) => {
    expect(() => disk.parseConfig({ encryption })).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG_INVALID',
        message: `"keyManager.config.${key}" must have one of "passphraseFile", "passphrase" and "keyFile"`,
      }),
    )
  })

  it('does not decrypt what it encrypts anew', () => {
    const encryption = { passphraseFile: 'a', decrypt: true, previous: { passphraseFile: 'b' } }
    expect(() => disk.parseConfig({ encryption })).toThrow(
      '"keyManager.config.encryption.decrypt" and "previous" exclude each other',
    )
  })
})

describe('secrets of disk', () => {
  const open = (encryption: object, files: Readonly<Record<string, string>> = {}) => {
    const configDir = mkdtempSync(join(tmpdir(), 'key-manager-disk-'))
    try {
      for (const [name, content] of Object.entries(files))
        writeFileSync(join(configDir, name), content, { mode: 0o600 })
      const dataDir = join(configDir, 'data')
      const context = { clock: systemClock, log: silentLogger, dataDir, configDir }
      disk.create(disk.parseConfig({ encryption }), context)
      return existsSync(join(dataDir, 'keys'))
    } finally {
      rmSync(configDir, { recursive: true })
    }
  }
  const refusal = (message: string | RegExp) =>
    expect.objectContaining({ code: 'ERR_KEY_MANAGER_SECRET', message: expect.stringMatching(message) })

  it('are read from the folder of the configuration file', () => {
    expect(open({ passphraseFile: 'secret' }, { secret: 'twelve bytes\n' })).toBe(true)
  })

  it('that are missing, too short or too long are refused', () => {
    expect(() => open({ passphraseFile: 'secret' })).toThrow(refusal(/^passphrase file ".*secret" cannot be read$/))
    expect(() => open({ passphraseFile: 'secret' }, { secret: 'eleven byte\n' })).toThrow(
      refusal('passphrase must have at least 12 bytes'),
    )
    expect(() => open({ passphrase: 'eleven byte' })).toThrow(refusal('passphrase must have at least 12 bytes'))
    expect(() => open({ keyFile: 'secret' }, { secret: 'x'.repeat(31) })).toThrow(
      refusal('key file must have at least 32 bytes'),
    )
  })
})
